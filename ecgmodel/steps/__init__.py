"""The pipeline's stages: what decides each one's output, and the function that makes it."""
