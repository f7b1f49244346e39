"""The denoiser as a small HTTP service, and its page."""
