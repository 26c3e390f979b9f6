"""What guessing and a linear model score on the synthetic scenes."""
