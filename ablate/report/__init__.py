"""What people read of a study: tables, figures and pages, rebuilt at any time without Keras."""
