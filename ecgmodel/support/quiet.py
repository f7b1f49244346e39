"""Import of Keras without TensorFlow's startup messages, which no logging setting suppresses."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecgmodel.support.machine import core_count

# TensorFlow and Keras import these where they find them, for converters that nothing here uses.
# That takes a quarter of the whole import.
ASIDE = ("jax", "sklearn")


def import_keras() -> None:
    """Import Keras and its backend; their output is shown only if the import fails.

    TensorFlow logs to file descriptor 2 while it loads, before it reads TF_CPP_MIN_LOG_LEVEL.
    The operations of the networks here are small: splitting one over several cores is slower than
    running several in parallel. On two cores, one thread per operation trains `strided_unet` 1.5
    times as fast.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, core_count() // 4)))
    if "keras" not in sys.modules:
        with _hidden(ASIDE if _backend() == "tensorflow" else ()):
            _import_silently("keras")
    # Hides warnings about retracing: tiles come in few batch sizes, each traced once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # This setting is per thread in Keras.
    sys.modules["keras"].config.disable_interactive_logging()


def _backend() -> str:
    """Return the backend that Keras is going to take; it says so only once it is imported."""
    file = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"
    try:
        written = json.loads(file.read_text()).get("backend", "tensorflow")
    except (OSError, ValueError):
        written = "tensorflow"
    return os.environ.get("KERAS_BACKEND") or str(written)


@contextmanager
def _hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Let an import of these packages fail meanwhile, unless they are loaded already."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _import_silently(module: str) -> None:
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
