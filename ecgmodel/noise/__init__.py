"""Noise types, one a file; a new file is a new type."""
