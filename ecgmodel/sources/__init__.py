"""Where records come from: PhysioNet or a mirror, the user's own files, or simulation."""
