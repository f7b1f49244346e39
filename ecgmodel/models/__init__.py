"""Trained networks; each shipped network has a folder here."""
