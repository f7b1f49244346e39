"""All settings, the presets, and what is refused before work begins."""
