"""The command `ecg-denoise`, with the subcommands that need no pipeline."""
