"""Hydra's doors to `ablate`; Hydra imports every module here whenever any application starts."""
