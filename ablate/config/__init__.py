"""What was asked of Hydra, as checked nouns: the request, the variant of a cell, the recipe.

It reads configurations. It must not know images, models or results.
"""
