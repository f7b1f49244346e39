"""A folder of recordings goes through a network; bad ones are named, drift is told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prefect import flow

from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.errors import MissingFileError, SignalError
from ecgmodel.evaluation.drift import DriftReport
from ecgmodel.settings.config import Settings
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import Store
from flows.denoise import denoise
from flows.train import Training
from flows.watch_drift import tell, watch_drift
from tasks.tracking import Registry, RegistryError, Tracker
from tests.flows import small
from tests.wfdb_files import ecg, write_record

pytestmark = pytest.mark.usefixtures("prefect_server")

NAMES = tuple(f"p{n}" for n in range(4))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network as it is before training: enough to see that records go through it."""
    from ecgmodel.support.quiet import import_keras

    import_keras()
    from ecgmodel.networks import build_network

    file = tmp_path_factory.mktemp("network") / "model.keras"
    build_network("conv_autoencoder", {"filters": [8, 4]}).save(file)
    return file


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        write_record(tmp_path / "in", name, ecg(20, 250, seed=number), 250)
    return tmp_path / "in"


def settings_of(tmp_path: Path, **drift: Any) -> Settings:
    return small.small(tmp_path / "store", {"drift": {"min_recordings": 4, **drift}})


def like(rate: float, count: int = 12) -> list[RecordingStatistics]:
    """Return the figures of recordings as `recordings` makes them, but of another rate."""
    rng = np.random.default_rng(0)
    values = (1.4 + 0.05 * rng.standard_normal((4, count))).tolist()
    return [RecordingStatistics(rate, *v, 1.0, 20.0) for v in zip(*values, strict=True)]


@flow
def watching(
    settings: Settings, used: NetworkFile, reference: list[RecordingStatistics]
) -> DriftReport:
    """Watch the store's recordings for drift from a training of which the figures are given."""
    return watch_drift(settings, Store(settings.store), used, reference)


def newest(key: str) -> str:
    """Return the content of the newest artifact of a key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        found = client.read_artifacts(artifact_filter=wanted)
    return str(max(found, key=lambda artifact: artifact.created).data)


def runs(flow_name: str) -> list[Any]:
    """Return the runs of a flow."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])), limit=200
        )


def drift_events(version: str) -> list[dict[str, Any]]:
    """Return the events of drift for a version; the server lists them a moment late."""
    from prefect.client.orchestration import get_client

    wanted = {"filter": {"event": {"name": ["ecg.drift.detected"]}}}
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/events/filter", json=wanted).json()["events"]
    resource = f"ecg.drift.{version}"
    return [e for e in found if e["resource"]["prefect.resource.id"] == resource]


def test_every_record_comes_out_and_bad_ones_are_named(
    network: Path, recordings: Path, tmp_path: Path
) -> None:
    write_record(recordings, "gone", ecg(20, 250), 250).with_suffix(".dat").unlink()
    write_record(recordings, "slow", ecg(60, 20), 20)
    (recordings / "words.hea").write_text("no header at all\n")
    (recordings / "LOUD.HEA").write_text("LOUD 1 250 5000\n")
    settings, out = settings_of(tmp_path), tmp_path / "out"
    with small.counted() as made:
        result = denoise(recordings, out, str(network), settings=settings)
    assert result.files == tuple(out / f"{name}.hea" for name in NAMES)
    assert {f["record"] for f in result.failed} == {"gone", "slow", "words", "LOUD.HEA"}
    assert all(f["stage"] == "denoise" and f["reason"] for f in result.failed)
    assert {f.name for f in out.iterdir()} == {f"{n}.{e}" for n in NAMES for e in ("hea", "dat")}
    assert small.units("denoise", *NAMES) <= set(made)
    assert "gone" in newest("denoised")
    (run,) = (run for run in runs("denoise") if run.name == f"denoise 8 recordings with {network}")
    assert run.state.message.startswith("4 of 8 not cleaned: ")
    assert "Cleaned 4 recordings" in run.state.message
    page = newest("quality")
    assert page.index("Not cleaned: 4 of 8") < page.index("p0") < page.index("Worst minutes")
    assert page.count("data:image/png;base64,") == 3
    assert result.drift.verdict == "not enough recordings"  # nothing is known of a file's training


def test_only_what_is_new_is_done_and_what_was_lost_is_placed_again(
    network: Path, recordings: Path, tmp_path: Path
) -> None:
    settings, out = settings_of(tmp_path), tmp_path / "out"
    denoise(recordings, out, str(network), settings=settings)
    write_record(recordings, "p9", ecg(20, 250, seed=9), 250)
    (out / "p0.dat").unlink()
    with small.counted() as made:
        result = denoise(recordings, out, str(network), settings=settings)
    assert made == ["denoise p9"]
    assert len(result.files) == 5
    assert (out / "p0.dat").is_file()
    assert "p9" in newest("denoised")


def test_what_cannot_work_at_all_is_an_error(
    network: Path, recordings: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(MissingFileError, match=r"nowhere\.keras"):
        denoise(recordings, tmp_path / "out", str(tmp_path / "nowhere.keras"), settings=settings)
    write_record(tmp_path / "bad", "slow", ecg(60, 20), 20)
    with pytest.raises(SignalError, match="20"):
        denoise(tmp_path / "bad", tmp_path / "out", str(network), settings=settings)


def told(settings: Settings) -> list[str]:
    """Return what the store says that the server was told: written after each event."""
    return sorted(path.name for path in (settings.store / "announced").glob("*drift*"))


def test_drift_is_shown_and_told_once_a_version(
    network: Path, recordings: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    reference = like(360)
    denoise(recordings, tmp_path / "out", str(network), settings=settings)
    drift = watching(settings, NetworkFile(network, "0" * 64, "a file"), reference)
    assert drift.verdict == "drift"
    assert "sampling rate (Hz) 360 -> 250" in newest("drift")
    assert told(settings) == []  # a file is no version: nobody would know what to train anew
    registered = NetworkFile(network, "0" * 64, "models:/ecg-denoiser version 71", "71")
    store = Store(settings.store)
    assert tell(drift, registered, settings, store)
    assert not tell(drift, registered, settings, store)
    small.until(lambda: drift_events("71"), 30, "the event")
    (event,) = drift_events("71")
    assert event["payload"]["report"]["verdict"] == "drift"
    assert event["payload"]["text"].startswith("Drift between 4 incoming and 12 training")
    assert Settings.model_validate(event["payload"]["settings"]) == settings


def test_no_drift_is_shown_and_not_told(network: Path, recordings: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, statistics=["sampling_rate_hz"])
    denoise(recordings, tmp_path / "out", str(network), settings=settings)
    drift = watching(settings, NetworkFile(network, "0" * 64, "a file"), like(250))
    assert drift.verdict == "no drift"
    assert newest("drift").startswith("# Drift: no drift")
    assert told(settings) == []


def test_the_champion_cleans_and_its_drift_is_told(
    first: tuple[Settings, Training], store: Path, recordings: Path, tmp_path: Path
) -> None:
    # Three recordings train: they and the four that come in are told apart by their rates alone.
    drift = {"min_recordings": 3, "alpha": 0.1, "statistics": ["sampling_rate_hz"]}
    settings = small.small(store, {"drift": drift})
    registry = Registry(Tracker(settings.tracking, Store(store)))
    registry.promote(registry.version(1), "hand", "for this test")
    for _ in range(2):
        result = denoise(recordings, tmp_path / "out", summary=True, settings=settings)
        assert result.model == "models:/ecg-denoiser version 1"
        assert result.drift.verdict == "drift"
        assert (result.drift.reference, result.drift.incoming) == (3, 4)
    table = pd.read_parquet(tmp_path / "out" / "summary.parquet")
    assert [tmp_path / "out" / name for name in sorted(table["file"])] == sorted(result.files)
    assert "4 of 4 recordings cleaned" in (tmp_path / "out" / "summary.html").read_text()
    header = (tmp_path / "out" / "p0.hea").read_text()
    assert "# ECG cleaned by ecg-denoise with models:/ecg-denoiser version 1" in header.replace(
        "#ECG", "# ECG"
    )
    assert told(settings) == ["ecg.drift.detected ecg.drift.1"]
    with pytest.raises(RegistryError, match="version"):
        denoise(recordings, tmp_path / "out", "models:/ecg-denoiser/99", settings=settings)
