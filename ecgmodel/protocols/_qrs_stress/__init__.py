"""Parts of the protocol `qrs-stress`: its records, the clean signal behind them, its pictures."""
