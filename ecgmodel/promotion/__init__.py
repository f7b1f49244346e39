"""The promotion gate: when a new model may take the place of the one in use."""
