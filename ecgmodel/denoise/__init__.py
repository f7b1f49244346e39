"""Denoising of ECG signals and recordings with a trained network."""
