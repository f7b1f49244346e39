"""Speed of the pipeline, as ratios that are measured in one run: `python -m benchmarks`."""
