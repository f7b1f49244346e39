"""What runs: one flow a file, and the command."""
