"""Training a network on a dataset: batches, checkpoints, resuming."""
