"""Building of a dataset from resampled records: splits, mixing, shards, publishing, export."""
