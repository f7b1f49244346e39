"""Simulated databases of clean ECG and of noise, written as WFDB files; no download needed.

They test the pipeline; results on them are no evidence of performance on patients. The docstrings
of `_simulated_ecg.py` and `_simulated_noise.py` describe their realism.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import SettingsError, unknown_name
from ecgmodel.sources.base import RecordSource, choose, fetch_info, file_info
from ecgmodel.support.disk import disk

if TYPE_CHECKING:
    import numpy as np

ECG_DATABASE = "simulated"
NOISE_DATABASE = "simnoise"
NOISE_RECORDS = ("bw", "ma", "em")
GAIN = 200.0  # ADC units per mV, like most of PhysioNet's databases


class SimulatedSettings(BaseModel):
    """Number and length of the simulated records, and their seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subjects: int = Field(
        default=40,
        ge=1,
        le=10_000,
        description="Number of clean records, one per subject; a larger number does not change the "
        "first ones.",
    )
    minutes: float = Field(
        default=2.0,
        ge=0.1,
        le=1440,
        allow_inf_nan=False,
        description="Length of each clean record, min.",
    )
    noise_minutes: float = Field(
        default=12.0,
        ge=0.1,
        le=1440,
        allow_inf_nan=False,
        description="Length of each noise record, min.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the simulated ECG and noise.")


class SimulatedSource:
    """The databases `simulated` (clean ECG) and `simnoise` (the noise records bw, ma and em).

    `simulated` holds the records sim01, sim02, … with the leads ECG1 and ECG2 in mV at 128 Hz, and
    the true R peaks with their beat symbols as annotator `atr`. `simnoise` is laid out like nstdb:
    channels noise1 and noise2 at 360 Hz. Record i depends on the seed, i and the length only.

    Args:
        settings: Number, length and seed of the records.

    Example:
        >>> [r.name for r in SimulatedSource(SimulatedSettings(subjects=2)).records("simulated")]
        ['sim01', 'sim02']
    """

    def __init__(self, settings: SimulatedSettings) -> None:
        self.settings = settings

    def names(self, database: str) -> tuple[str, ...]:
        """Return the names of all records of a database; see `Source.names`."""
        return tuple(record.name for record in self.records(database))

    def records(self, database: str, names: tuple[str, ...] = ()) -> tuple[RecordSource, ...]:
        """Return the records of a database, or only the named ones, without simulating them.

        The version contains the settings that determine a record's bytes.

        Raises:
            RecordError: A name points outside the folder.
            UnknownNameError: There is no such simulated database or record.
        """
        if database == ECG_DATABASE:
            stems = [f"sim{number:02d}" for number in range(1, self.settings.subjects + 1)]
            minutes = self.settings.minutes
        elif database == NOISE_DATABASE:
            stems, minutes = list(NOISE_RECORDS), self.settings.noise_minutes
        else:
            raise unknown_name("simulated database", database, (ECG_DATABASE, NOISE_DATABASE))
        suffixes = ("hea", "dat", "atr") if database == ECG_DATABASE else ("hea", "dat")
        version = f"seed{self.settings.seed}-{minutes}min"
        listed = (
            RecordSource(
                database, version, stem, tuple((f"{stem}.{suffix}", None) for suffix in suffixes)
            )
            for stem in stems
        )
        return choose(listed, names, database)

    def fetch(
        self, record: RecordSource, into: Path, start_s: float, seconds: float, whole: bool
    ) -> dict[str, Any]:
        """Simulate a record and write its WFDB files; the bytes are reproducible.

        Args:
            record: One of `records`.
            into: The folder, created if missing.
            start_s: Not used: the record is always written whole.
            seconds: Not used.
            whole: Not used.

        Returns:
            Facts about the fetch; see `fetch_info`.

        Raises:
            UnknownNameError: There is no such record.
            SettingsError: The record was listed with other settings.
        """
        (known,) = self.records(record.database, (record.name,))
        if record != known:
            raise SettingsError(
                f"{record.database}/{record.name} was listed as {record.version!r}, but this "
                f"source simulates {known.version!r}. List the records again."
            )
        into.mkdir(parents=True, exist_ok=True)
        with disk(into / record.name):
            if record.database == ECG_DATABASE:
                self._write_ecg(record.name, into)
            else:
                self._write_noise(record.name, into)
        files = {name: file_info(into / name, verified=False) for name, _ in record.files}
        return fetch_info(record, files)

    def _write_ecg(self, name: str, into: Path) -> None:
        import wfdb

        from ecgmodel.sources import _simulated_ecg as ecg

        number = int(name.removeprefix("sim"))
        made = ecg.simulate(self.settings.seed, number, 60 * self.settings.minutes)
        # Format 212, 12 bits per sample, like most of PhysioNet's older databases.
        _write(name, into, made.signal, ecg.FS, ecg.LEADS, "212", made.title)
        wfdb.wrann(name, "atr", made.peaks, symbol=list(made.symbols), write_dir=str(into))

    def _write_noise(self, name: str, into: Path) -> None:
        from ecgmodel.sources import _simulated_noise as noise

        signal = noise.simulate(self.settings.seed, name, 60 * self.settings.noise_minutes)
        # 16 bits, so that no sample is clipped.
        _write(name, into, signal, noise.FS, noise.CHANNELS, "16", f"{name} noise")


def _write(
    name: str,
    into: Path,
    signal: np.ndarray,
    fs: float,
    channels: tuple[str, ...],
    fmt: str,
    title: str,
) -> None:
    """Write a signal, `(samples, channels)` in mV, as a WFDB header and data file."""
    import numpy as np
    import wfdb

    count = len(channels)
    wfdb.wrsamp(
        name,
        fs=fs,
        units=["mV"] * count,
        sig_name=list(channels),
        d_signal=np.rint(signal * GAIN).astype(np.int64),
        fmt=[fmt] * count,
        adc_gain=[GAIN] * count,
        baseline=[0] * count,
        comments=[f"Simulated, not recorded from a person: {title}"],
        write_dir=str(into),
    )
