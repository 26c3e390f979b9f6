"""What was asked of Hydra, as checked nouns: the request, the variant of a cell, the recipe.

It reads configurations and nothing else: no images, no models, no results.
"""
