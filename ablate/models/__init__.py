"""Models whose parts can be switched, and what a forward pass through a model costs."""
