"""Processes that tests may kill: each is forked from a server that has loaded what is slow."""

from __future__ import annotations

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tensorflow", "keras", "pyarrow.parquet"])
