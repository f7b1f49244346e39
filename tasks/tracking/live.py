"""Log epochs during training; a store that does not answer never stops the training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ecgmodel.store import Stored
from tasks.tracking.runs import Tracker
from tasks.tracking.store import TrackingError, reaching

_log = logging.getLogger("ecg")


class LiveLog:
    """Logs each epoch as it ends; a store that does not answer never stops a training.

    Args:
        tracker: The tracking store.
        training: Key of the training.
        name: Name of the run.
        dataset: The training dataset.
        flow_run: Prefect's flow run.
    """

    def __init__(
        self,
        tracker: Tracker,
        training: str,
        name: str,
        dataset: Stored,
        flow_run: Mapping[str, str],
    ) -> None:
        self._tracker = tracker
        self._training = (training, name, dataset, flow_run)
        self._run_id = ""
        self._gave_up = False

    def open(self) -> str:
        """Return the id of the training's run, opening it if needed; "" if that failed."""
        self._try(lambda: None)
        return self._run_id

    def __call__(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Log the rows that are not logged yet."""
        self._try(lambda: self._tracker.log_epochs(self._run_id, rows))

    def _try(self, log: Callable[[], None]) -> None:
        if self._gave_up:
            return
        try:
            with reaching(self._tracker.uri):
                self._run_id = self._run_id or self._tracker.open(*self._training)
                log()
        except TrackingError as error:
            self._gave_up = True
            _log.warning("%s The training continues.", error)
