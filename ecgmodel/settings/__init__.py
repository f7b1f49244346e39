"""All settings, the presets, and the checks made before work begins."""
