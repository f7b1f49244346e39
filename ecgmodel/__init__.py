"""The knowledge: recordings, noise, datasets, networks, metrics. Knows no Prefect and no MLflow."""
