"""Importing Keras without the lines that TensorFlow writes past every logging setting."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile

from ecgmodel.support.machine import core_count


def import_keras() -> None:
    """Import Keras and its backend; what they print is shown only if that fails.

    TensorFlow logs to file descriptor 2 while it is loaded, before it reads TF_CPP_MIN_LOG_LEVEL.
    Its operations are small here: dividing one among cores takes longer than running several side
    by side. On two cores, `strided_unet` trains half as fast again with one thread for each.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, core_count() // 4)))
    if "keras" not in sys.modules:
        _import_aside("keras")
    # Tiles come in batches of few sizes, each of which is traced once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Keras keeps this for each thread.
    sys.modules["keras"].config.disable_interactive_logging()


def _import_aside(module: str) -> None:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            importlib.import_module(module)
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
