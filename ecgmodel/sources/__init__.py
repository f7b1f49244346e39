"""Sources of records: PhysioNet or a mirror, the user's own files, or simulation."""
