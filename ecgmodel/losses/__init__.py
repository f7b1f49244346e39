"""Losses, one a file; a new file is a new loss."""
