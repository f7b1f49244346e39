"""Passes batches to Keras: as `tf.data` under TensorFlow, as a `PyDataset` under other backends.

Both prefetch the next batches in a thread while the network trains on the current one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import keras

from ecgmodel.training.batches import Batch, Batches

AHEAD = 4


def feed(batches: Batches, epoch: int) -> Any:
    """Return the batches of an epoch as input of `keras.Model.fit` for the backend in use.

    Args:
        batches: Noisy and clean windows.
        epoch: Number of the epoch.
    """
    if keras.backend.backend() == "tensorflow":
        return tf_dataset(batches, epoch)
    return EpochDataset(batches, epoch)


def tf_dataset(batches: Batches, epoch: int) -> Any:
    """Return the batches of an epoch as a `tf.data.Dataset` of `(noisy, clean)`.

    The batch dimension is undefined, so that the last, smaller batch does not retrace the graph.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((None, batches.samples, 1), tf.float32)
    dataset = tf.data.Dataset.from_generator(
        lambda: batches.epoch(epoch), output_signature=(spec, spec)
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(AHEAD)


class EpochDataset(keras.utils.PyDataset):
    """The batches of an epoch for any backend; meant for sequential access.

    Args:
        batches: Noisy and clean windows.
        epoch: Number of the epoch.
    """

    def __init__(self, batches: Batches, epoch: int) -> None:
        super().__init__(workers=1)
        self._batches = batches
        self._epoch = epoch
        self._next = 0
        self._running: Iterator[Batch] = iter(())

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __getitem__(self, index: int) -> Batch:
        """Return a batch; any index other than the next one restarts the epoch."""
        if index == 0 or index != self._next:
            self._running = ahead(self._batches.epoch(self._epoch))
            for _ in range(index):
                next(self._running)
        self._next = index + 1
        return next(self._running)


def ahead(batches: Iterator[Batch], depth: int = AHEAD) -> Iterator[Batch]:
    """Yield the same batches, prefetched by a thread that runs up to `depth` batches ahead.

    The thread ends after the last batch, after the first error (which is raised here), or when
    this generator is closed or garbage-collected.
    """
    ready: queue.Queue[tuple[Batch | None, BaseException | None]] = queue.Queue(depth)
    closed = threading.Event()

    def put(item: tuple[Batch | None, BaseException | None]) -> None:
        while not closed.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for batch in batches:
                put((batch, None))
                if closed.is_set():
                    return
            put((None, None))
        except BaseException as error:  # re-raised in the consumer
            put((None, error))

    threading.Thread(target=work, daemon=True, name="batches").start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is None:
                return
            yield batch
    finally:
        closed.set()
