"""Where a study is kept: its plan, journals and results on disk, and MLflow's copy of them."""
