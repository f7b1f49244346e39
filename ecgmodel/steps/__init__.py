"""The stages of the pipeline: the inputs and settings of each, and the function that runs it."""
