"""Cleaning is tried again where that may help, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from ecgmodel.errors import (
    DatasetError,
    DiskFullError,
    EcgError,
    MissingFileError,
    ModelError,
    RecordError,
    SettingsError,
    SignalError,
    SourceError,
)
from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored, Unit
from ecgmodel.support.locks import LockHeldError
from tasks.caching import Failure, run_steps
from tasks.denoising import denoise

pytestmark = pytest.mark.usefixtures("prefect_server")


class Failing:
    """Work that fails the first times it is tried."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.tried = error, times, 0

    def __call__(self, into: Path) -> dict[str, Any]:
        self.tried += 1
        if self.tried <= self.times:
            raise self.error
        (into / "p1.hea").write_text("p1 1 360\n")
        return {}


def run(work: Failing, store: Store) -> tuple[list[Stored], list[Failure]]:
    @flow(validate_parameters=False)
    def cleaning() -> Any:
        return run_steps(denoise, [Step(Unit("denoise", "p1", {}), work)], store)

    done, failed = cleaning()
    return done, failed


def test_a_disk_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    work = Failing(OSError(5, "Input/output error"), 1)
    (done,), failed = run(work, Store(tmp_path))
    assert (work.tried, failed) == (2, [])
    assert done.file("p1.hea").is_file()


def test_a_bad_record_is_tried_once_and_reported(tmp_path: Path) -> None:
    work = Failing(RecordError("p1 is flat"), 9)
    done, (failure,) = run(work, Store(tmp_path))
    assert (work.tried, done) == (1, [])
    assert failure.report == {"record": "p1", "stage": "denoise", "reason": "p1 is flat"}


@pytest.mark.parametrize("error", [MissingFileError, SourceError, SignalError, DatasetError])
def test_what_one_record_is_at_fault_for_is_reported(tmp_path: Path, error: type[EcgError]) -> None:
    done, failed = run(Failing(error("p1"), 9), Store(tmp_path))
    assert (done, [type(failure.error) for failure in failed]) == ([], [error])


@pytest.mark.parametrize("error", [LockHeldError, SettingsError, ModelError])
def test_what_no_record_is_at_fault_for_ends_the_run(tmp_path: Path, error: type[EcgError]) -> None:
    with pytest.raises(error):
        run(Failing(error("the lock"), 9), Store(tmp_path))


def test_a_disk_that_stays_broken_is_an_error_of_its_own(tmp_path: Path) -> None:
    work = Failing(OSError(5, "Input/output error"), 9)
    with pytest.raises(OSError, match="Input/output") as caught:
        run(work, Store(tmp_path))
    assert not isinstance(caught.value, EcgError)
    assert work.tried == 3


def test_a_full_disk_is_nobodys_bad_record_and_not_asked_again(tmp_path: Path) -> None:
    work = Failing(OSError(28, "No space left on device"), 9)
    with pytest.raises(DiskFullError, match="ecg-denoise gc"):
        run(work, Store(tmp_path))
    assert work.tried == 1
