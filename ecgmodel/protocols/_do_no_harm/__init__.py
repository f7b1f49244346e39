"""Parts of the protocol `do-no-harm`: its recordings, what is measured, how it is summed up."""
