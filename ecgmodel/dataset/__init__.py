"""From resampled records to a dataset: splits, mixing, shards, manifest, export."""
