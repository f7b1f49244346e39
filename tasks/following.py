"""Progress of a training on its Prefect page: a progress bar, and a log line per epoch.

The training never waits for the server: each update is tried once with a short timeout, and after
a failure not again for a minute.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from tasks.tracking import LiveLog

KEY = "training-progress"
PAUSE_S = 60.0
# An absent server must not delay an epoch.
_BRIEF = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 5.0}
_log = logging.getLogger("ecg")


class Following:
    """Reports each epoch to the tracking store and to the flow run's page.

    It is called inside the training task, whose run it updates.

    Args:
        log: Reports to the tracking store.
        epochs: Maximum number of epochs.
        clock: Returns seconds; for tests.
    """

    def __init__(
        self, log: LiveLog, epochs: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tracking = log
        self._epochs = epochs
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._last: Mapping[str, float] = {}
        self._artifact: UUID | None = None
        self._not_before = 0.0

    def open(self) -> str:
        """Return the id of the run of the tracking store, "" for none."""
        return self._tracking.open()

    def __call__(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Report rows of epochs; the first call includes those of an interrupted run."""
        self._tracking(rows)
        first = self._began is None
        done = int(rows[-1]["epoch"]) if rows else 0
        self._began = self._began or (self._clock(), done)
        self._last = rows[-1] if rows else {}
        said = self._said(done)
        if rows and first:
            said = f"resumed after {said}"
        get_run_logger().info(said)  # sent in the background
        self._show(said, 100 * done / self._epochs)

    def finish(self) -> None:
        """Report the end, also after early stopping; do nothing if no epoch was run."""
        if self._last:
            done = int(self._last["epoch"])
            early = "" if done == self._epochs else f", stopped early (of {self._epochs})"
            self._show(f"{done} epochs{early}: {_losses(self._last)}", 100.0)

    def _show(self, said: str, percent: float) -> None:
        """Create or update the run's progress artifact."""
        text = f"Training: {said}."
        if self._clock() < self._not_before:
            return
        try:
            with temporary_settings(_BRIEF):
                if self._artifact:
                    update_progress_artifact(self._artifact, percent, text)
                else:
                    made = create_progress_artifact(percent, KEY, text)
                    self._artifact = made if isinstance(made, UUID) else None
        except Exception as error:  # the training continues in any case
            self._not_before = self._clock() + PAUSE_S
            _log.warning("The progress is not shown on the run's page: %s", error)

    def _said(self, done: int) -> str:
        if not self._last:
            return f"start of {self._epochs} epochs"
        began, before = self._began or (0.0, done)
        left = ""
        if done > before:
            seconds = (self._clock() - began) / (done - before) * (self._epochs - done)
            left = f", {_minutes(seconds)} left"
        return f"epoch {done} of {self._epochs}: {_losses(self._last)}{left}"


def _losses(row: Mapping[str, float]) -> str:
    return (
        f"loss {row['loss']:.4g}, validation loss {row['val_loss']:.4g}, "
        f"learning rate {row['learning_rate']:.2g}"
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
