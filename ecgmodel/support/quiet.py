"""Import of Keras without TensorFlow's startup messages, which no logging setting suppresses."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile

from ecgmodel.support.machine import core_count


def import_keras() -> None:
    """Import Keras and its backend; their output is shown only if the import fails.

    TensorFlow logs to file descriptor 2 while it loads, before it reads TF_CPP_MIN_LOG_LEVEL.
    The operations of the networks here are small: splitting one over several cores is slower than
    running several in parallel. On two cores, one thread per operation trains `strided_unet` 1.5
    times as fast.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, core_count() // 4)))
    if "keras" not in sys.modules:
        _import_aside("keras")
    # Hides warnings about retracing: tiles come in few batch sizes, each traced once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # This setting is per thread in Keras.
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
