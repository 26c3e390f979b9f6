"""Real runs of the default study with 20 seeds a cell, and what subsamples of them say."""
