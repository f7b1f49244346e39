"""WFDB records and annotations, read and written."""
