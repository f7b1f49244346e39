"""Trained networks that are kept; a folder each for those that come with the package."""
