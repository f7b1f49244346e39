"""The networks that come with the package are whole, small, as their cards say, and denoise."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from ecgmodel.dataset.splits import SplitSettings, split_of, subject_of
from ecgmodel.denoise.tiles import TiledNetwork, from_keras
from ecgmodel.errors import ModelError
from ecgmodel.evaluation.metrics import per_window
from ecgmodel.models.trained import NETWORK, Trained, shipped
from ecgmodel.protocols.leak_free import PROTOCOL
from ecgmodel.signals.standard import highpass
from ecgmodel.sources import _simulated_ecg
from ecgmodel.store import file_sha256

LIMIT = 10e6  # bytes
SHIPPED = [one for one in shipped() if one.has(NETWORK)]
FS = 360


@pytest.fixture(params=SHIPPED, ids=[one.name for one in SHIPPED])
def one(request: pytest.FixtureRequest) -> Trained:
    return request.param


def denoiser(one: Trained, overlap: float | None = None) -> TiledNetwork:
    how = one.settings()
    return from_keras(one.file(NETWORK), how.mix.window, overlap or how.evaluation.overlap)


def ecg(seconds: float = 40.0, subject: int = 1) -> np.ndarray:
    signal = _simulated_ecg.simulate(0, subject, seconds).signal[:, :1]
    return highpass(resample_poly(signal, 45, 16))[:, 0].astype(np.float32)  # 128 Hz to 360


def test_the_default_network_is_shipped() -> None:
    assert next(one.name for one in SHIPPED) == "default"


def test_the_network_is_small_and_contains_no_code(one: Trained) -> None:
    path = one.file(NETWORK)
    assert path.stat().st_size < LIMIT
    with zipfile.ZipFile(path) as file:
        assert set(file.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        config = file.read("config.json").decode()
    assert "Lambda" not in config
    assert json.loads(config)["class_name"] == "Functional"


def test_the_card_names_the_hash_and_every_test_subject(one: Trained) -> None:
    card = (one.folder / "CARD.md").read_text()
    assert file_sha256(one.file(NETWORK)) in card
    how = one.settings()
    assert "mitdb" in how.source.clean  # made at 360 Hz: what lies above 125 Hz is not all noise
    tested = [
        (database, name) for database in how.source.clean for name in PROTOCOL.records[database]
    ]
    for database, name in (*tested, ("qtdb", "sel100")):
        subject = subject_of(database, name, how.split)
        assert split_of(subject, how.split) in ("test", "held_out")
        assert re.search(rf"(?<![\w.]){name}(?![\w.]\w)", card), name
    assert how.split == SplitSettings()


@pytest.mark.parametrize("snr_db", [0.0, 12.0])
def test_the_network_removes_drift_hum_and_jumps(one: Trained, snr_db: float) -> None:
    clean = ecg()
    at = np.arange(len(clean)) / FS
    noise = 2 * np.sin(2 * np.pi * 0.25 * at) + 0.3 * np.sin(2 * np.pi * 50 * at)
    noise += np.where(at % 7 < 0.4, 1.5, 0.0)
    noise *= np.sqrt(clean.var() / noise.var() / 10 ** (snr_db / 10))
    denoised = denoiser(one)(clean + noise)
    figures = per_window(clean[None], (clean + noise)[None], denoised[None], 2048)
    assert figures["snr_improvement"].mean() > (8.0 if snr_db < 6 else 4.0)
    assert np.isfinite(denoised).all()


def test_the_network_keeps_a_clean_lead(one: Trained) -> None:
    clean = ecg(subject=2)
    error = denoiser(one)(clean) - clean
    inside = slice(FS, -FS)
    assert 10 * np.log10(clean[inside].var() / error[inside].var()) > 15


def test_tile_borders_are_invisible(one: Trained) -> None:
    """The same signal under tiles that start elsewhere."""
    clean, rng = ecg(60.0), np.random.default_rng(0)
    given = clean + 0.1 * rng.standard_normal(len(clean)).astype(np.float32)
    shift = one.settings().mix.window // 2
    whole = denoiser(one)(given)[shift:]
    shifted = denoiser(one)(given[shift:])
    inside = slice(10 * FS, -10 * FS)
    difference = (whole - shifted)[inside]
    assert np.abs(difference).max() < 0.2 * np.abs(clean).max()
    assert difference.std() < 0.05 * clean.std()


def test_the_output_scales_with_the_gain(one: Trained) -> None:
    clean, apply = ecg(20.0), denoiser(one)
    np.testing.assert_allclose(apply(20 * clean), 20 * apply(clean), atol=20 * 0.01)


def test_an_altered_network_is_refused(one: Trained, tmp_path: Path) -> None:
    copy = Trained(one.name, tmp_path)
    for name in ("SHA256SUMS", "recipe.yaml"):
        (tmp_path / name).write_bytes((one.folder / name).read_bytes())
    (tmp_path / NETWORK).write_bytes(one.file(NETWORK).read_bytes() + b"0")
    with pytest.raises(ModelError, match="its sha256 differs from"):
        copy.file(NETWORK)
