"""Images: read, checked and split the same way for every variant."""
