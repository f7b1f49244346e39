"""Known databases, one per file: version, annotators, subjects and splits."""
