"""The command `ecg-denoise`, and its subcommands that need no pipeline."""
