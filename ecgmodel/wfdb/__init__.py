"""Reading and writing of WFDB records and annotations."""
