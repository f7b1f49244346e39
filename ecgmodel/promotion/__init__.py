"""The promotion gate, which decides whether a new model replaces the one in use."""
