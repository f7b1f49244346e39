"""Measuring a method: metrics, classical baselines, tables, figures, report."""
