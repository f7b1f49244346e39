"""Noise types, one per file; a new file adds a type."""
