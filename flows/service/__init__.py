"""The service: Prefect and MLflow servers, a worker, deployments and recovery."""
