"""Hydra's plugins of `ablate`: thin classes, because every Hydra application imports them all."""
