"""Parts of the protocol `leak-free`."""
