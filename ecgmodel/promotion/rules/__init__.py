"""Rules of the gate, one per file; each defines `judge(comparison, settings) -> list[Finding]`."""
