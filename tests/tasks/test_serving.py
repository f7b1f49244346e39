"""The registered model behind MLflow's own server: any ECG in, the same clean one as in Python."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.settings.config import Settings
from ecgmodel.store.versions import ROOT
from flows.train import Training
from tasks.models import load_denoiser
from tests.flows import small
from tests.flows.service.running import free_ports
from tests.wfdb_files import ecg

pytestmark = pytest.mark.timeout(900)

PAGE = (ROOT / "docs/using.md").read_text()
ADDRESS = "models:/ecg-denoiser/1"
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


class Served:
    """A registered model that is served.

    Args:
        url: Of the server.
        denoiser: The same network in Python.
    """

    def __init__(self, url: str, denoiser: Denoiser) -> None:
        self.url, self.denoiser = url, denoiser

    def answer(self, body: dict[str, Any]) -> httpx.Response:
        """Return what the server answers."""
        return httpx.post(f"{self.url}/invocations", json=body, timeout=60)

    def predictions(self, body: dict[str, Any]) -> Any:
        """Return the predictions, which strict JSON holds."""
        answer = self.answer(body)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_constant=pytest.fail)["predictions"]


@contextmanager
def serving(tracking: str, folder: Path) -> Iterator[str]:
    """Serve the registered model as docs/using.md says, where TensorFlow cannot be imported."""
    for name in ("tensorflow", "keras"):
        (folder / f"{name}.py").write_text("raise ModuleNotFoundError('not where it is served')\n")
    (port,) = free_ports(1)
    (line,) = re.findall(r"^mlflow models serve .*$", PAGE, re.MULTILINE)
    command = shlex.split(line.replace("@champion", "/1").replace("5001", str(port)))
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": tracking,
        "PYTHONPATH": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = folder / "serve.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        small.until(lambda: server.poll() is not None or _answers(url), 240, "the server")
        assert server.poll() is None, log.read_text()
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def served(
    first: tuple[Settings, Training], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    settings, result = first
    with serving(result.tracker.uri, tmp_path_factory.mktemp("served")) as url:
        yield Served(url, load_denoiser(ADDRESS, settings))


def noisy(seconds: float, fs: float, leads: int) -> np.ndarray:
    """Return `(samples, leads)`, mV."""
    rng = np.random.default_rng(leads)
    signals = [ecg(seconds, fs, seed=lead) for lead in range(leads)]
    return np.stack(signals, axis=1) + 0.1 * rng.standard_normal((round(seconds * fs), leads))


def with_null(signal: np.ndarray) -> Any:
    """Return lists with None for NaN."""
    return np.where(np.isnan(signal), None, signal).tolist()


def assert_equal(predictions: Any, expected: np.ndarray) -> None:
    found = np.array(predictions, np.float64)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("fs", [250, 360, 1000])
@pytest.mark.parametrize("leads", [0, 1, 12])
def test_any_length_leads_and_rate_come_out_as_from_python(
    served: Served, fs: int, leads: int
) -> None:
    signal = noisy(7.3, fs, leads) if leads else noisy(7.3, fs, 1)[:, 0]
    predictions = served.predictions({"inputs": signal.tolist(), "params": {"fs": fs}})
    assert_equal(predictions, served.denoiser(signal, fs))


def test_360_hz_is_taken_where_no_rate_is_given(served: Served) -> None:
    signal = noisy(3, 360, 2)
    assert_equal(served.predictions({"inputs": signal.tolist()}), served.denoiser(signal, 360))
    assert served.predictions({"inputs": []}) == []


def test_the_request_of_the_readme_is_answered(served: Served) -> None:
    (body,) = re.findall(r"^curl .*/invocations .*\n +-d '(.*)'$", PAGE, re.MULTILINE)
    request = json.loads(body)
    signal = np.array(request["inputs"], np.float64)
    assert_equal(served.predictions(request), served.denoiser(signal, request["params"]["fs"]))


def test_gaps_go_in_as_null_and_come_out_as_null(served: Served) -> None:
    signal = noisy(6, 250, 2)
    signal[100:160, 0] = np.nan
    body = {"inputs": with_null(signal), "params": {"fs": 250}}
    predictions = served.predictions(body)
    assert predictions[100][0] is None
    assert_equal(predictions, served.denoiser(signal, 250))


def test_where_the_network_is_not_trusted_the_input_can_be_passed(served: Served) -> None:
    signal = noisy(30, 360, 1)
    signal[3600:7200] = 0.0  # flat
    body = {"inputs": signal.tolist(), "params": {"untrusted": "pass"}}
    expected = served.denoiser.clean(signal, 360, untrusted="pass")
    assert expected.untrusted
    assert_equal(served.predictions(body), expected.signal)


def test_tables_of_one_column_a_lead_come_out_as_tables(served: Served) -> None:
    signal = noisy(4, 250, 12)
    signal[50:60, 3] = np.nan
    expected = served.denoiser(signal, 250)
    rows = with_null(signal)
    split = {"columns": list(LEADS), "data": rows}
    records = [dict(zip(LEADS, row, strict=True)) for row in rows]
    for body in ({"dataframe_split": split}, {"dataframe_records": records}):
        predictions = served.predictions({**body, "params": {"fs": 250}})
        assert list(predictions[0]) == list(LEADS)
        assert_equal([list(row.values()) for row in predictions], expected)


def test_named_leads_come_out_under_their_names(served: Served) -> None:
    signal = noisy(4, 360, 2)
    inputs = {"II": signal[:, 0].tolist(), "V1": signal[:, 1].tolist()}
    predictions = served.predictions({"inputs": inputs})
    assert list(predictions) == ["II", "V1"]
    assert_equal(np.transpose(list(predictions.values())), served.denoiser(signal, 360))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"inputs": [0.0], "params": {"fs": 20}}, "Expected a sampling rate from 50 to 4,000 Hz"),
        ({"inputs": [0.0], "params": {"fs": "fast"}}, "`fast`"),
        ({"inputs": [0.0], "params": {"untrusted": "no"}}, "Expected untrusted to be 'mark' or"),
        ({"inputs": [[[0.0]]]}, "Expected a signal of shape (samples,) or (samples, leads)"),
        ({"inputs": [[0.0, 1.0], [2.0]]}, "inhomogeneous"),
        ({"inputs": ["I", "II"]}, "Expected a signal of real numbers"),
        ({"inputs": {"I": [0.0], "II": [0.0, 1.0]}}, "Expected leads of equal length"),
        ({"dataframe_records": [{"I": 0.0, "at": "noon"}]}, "Expected a signal of numbers"),
        ({"inputs": np.zeros((2, 300)).tolist()}, "pass signal.T"),
        ({"signal": [0.0]}, "exactly one of the input fields"),
    ],
)
def test_what_cannot_be_cleaned_is_a_400_that_says_why(
    served: Served, body: dict[str, Any], reason: str
) -> None:
    answer = served.answer(body)
    assert answer.status_code == 400
    assert reason in answer.json()["message"]
    assert "Traceback" not in answer.text


def test_in_python_what_comes_out_is_of_the_kind_that_went_in(
    first: tuple[Settings, Training],
) -> None:
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    settings, result = first
    mlflow.set_tracking_uri(result.tracker.uri)
    model = mlflow.pyfunc.load_model(ADDRESS)
    denoiser = load_denoiser(ADDRESS, settings)
    signal = noisy(4, 250, 3)
    signal[10:20, 1] = np.nan
    for dtype in (np.float32, np.float64):
        given = signal.astype(dtype)
        cleaned = model.predict(given, params={"fs": 250})
        assert cleaned.dtype == dtype
        np.testing.assert_array_equal(cleaned, denoiser(given, 250))
    table = pd.DataFrame(signal, index=np.arange(1000) / 250, columns=["I", "II", "III"])
    cleaned = model.predict(table, params={"fs": 250})
    assert cleaned.index.equals(table.index)
    assert list(cleaned) == ["I", "II", "III"]
    np.testing.assert_array_equal(cleaned, denoiser(signal, 250))
    with pytest.raises(MlflowException, match="Expected a sampling rate"):
        model.predict(signal, params={"fs": 10})


def test_mlflow_shows_what_the_model_takes_and_gives(first: tuple[Settings, Training]) -> None:
    import mlflow.models

    mlflow.set_tracking_uri(first[1].tracker.uri)
    info = mlflow.models.get_model_info(ADDRESS)
    params = {param.name: param.default for param in info.signature.params}
    assert params == {"fs": 360.0, "untrusted": "mark"}
    assert info.signature.inputs is None  # one that named a shape would refuse all others
    example = mlflow.models.Model.load(ADDRESS).load_input_example()
    assert np.shape(example) == (360, 2)
    described = first[1].tracker.client.get_registered_model("ecg-denoiser").description
    assert "`dataframe_split`" in described
