"""What reliability costs a study that nothing happens to."""
