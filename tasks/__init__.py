"""The steps: thin Prefect tasks, each around one call into ecgmodel."""
