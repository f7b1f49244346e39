"""Known databases, one a file: version, annotators, subjects and splits."""
