"""Training: one engine, a small backend for TensorFlow and one for JAX."""
