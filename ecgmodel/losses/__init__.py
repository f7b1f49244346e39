"""Losses, one per file; a new file adds a loss."""
