"""The parts of the protocol `qt-bw`: its windows, its noise, its filters and what was published."""
