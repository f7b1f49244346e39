"""Architectures, one a file; a new file is a new architecture."""
