"""Rules of the gate, one a file; each offers `judge(comparison, settings) -> list[Finding]`."""
