"""One recording: read in mV, resampled to 360 Hz, judged, cut into windows."""
