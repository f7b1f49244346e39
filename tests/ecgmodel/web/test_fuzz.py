"""Whatever is sent, the answer is one that the description names, and tells nothing inside."""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgmodel.web.intake import SUFFIXES
from tests.ecgmodel.web.running import Web

# One service for all inputs; how long one takes depends on what else this machine does.
FEW = settings(
    max_examples=int(os.environ.get("ECG_FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)
NUMBERS = st.none() | st.floats() | st.integers()
SIGNALS = st.one_of(
    st.lists(NUMBERS, max_size=50),
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(NUMBERS, min_size=n, max_size=n), max_size=30)
    ),
    VALUES,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "signal": SIGNALS,
        "fs": st.floats(40, 5000) | VALUES,
        "unit": st.sampled_from(["mV", "uV", "V"]) | VALUES,
        "leads": st.lists(st.text(max_size=5), max_size=4) | VALUES,
        "other": VALUES,
    },
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "fs": st.floats(-10, 5000).map(str) | st.text(max_size=5),
        "unit": st.sampled_from(["mV", "uV"]) | st.text(max_size=5),
        "column": st.sampled_from(["1", "a"]) | st.text(max_size=5),
        "untrusted": st.sampled_from(["mark", "pass", "x"]),
        "format": st.sampled_from(["edf", "csv", "wfdb", "x", ""]),
    },
)
NAMES = st.sampled_from([f"x{suffix}" for suffix in {*SUFFIXES.values(), ".hea", ".xyz"}])
NAMES = NAMES | st.text(max_size=8)


def documented(served: Web) -> set[int]:
    with served.client() as client:
        answers = client.get("/openapi.json").json()["paths"]["/denoise"]["post"]["responses"]
    return {int(status) for status in answers}


def check(served: Web, answer: httpx.Response) -> None:
    assert answer.status_code in documented(served), answer.text
    assert str(served.temporary) not in answer.text
    if answer.status_code != 200:
        said = answer.json()
        assert said["error"]
        assert "Traceback" not in said["error"]


@FEW
@given(body=BODIES | VALUES, options=OPTIONS)
def test_any_json(served: Web, body: Any, options: dict[str, str]) -> None:
    with served.client(**{"Content-Type": "application/json"}) as client:
        check(served, client.post("/denoise", content=json.dumps(body), params=options))


@FEW
@given(
    body=st.binary(max_size=300) | st.text("0123456789.,;\n-eabmV ", max_size=300).map(str.encode),
    name=NAMES,
    options=OPTIONS,
)
def test_any_bytes_under_any_name(
    served: Web, body: bytes, name: str, options: dict[str, str]
) -> None:
    with served.client(**{"Content-Type": "application/octet-stream"}) as client:
        check(served, client.post("/denoise", content=body, params={**options, "name": name}))


@FEW
@given(
    body=st.binary(max_size=200),
    boundary=st.sampled_from(
        ["", "; boundary=x", "; boundary=", '; boundary="', "; boundary=\xe9"]
    ),
    part=st.sampled_from(["", 'form-data; name="file"; filename="x.csv"', "form-data", "x;="]),
)
def test_any_form(served: Web, body: bytes, boundary: str, part: str) -> None:
    lines = [b"--x", f"Content-Disposition: {part}".encode(), b"", body, b"--x--", b""]
    kind = f"multipart/form-data{boundary}".encode("latin-1")
    with served.client() as client:
        check(
            served,
            client.post("/denoise", content=b"\r\n".join(lines), headers={b"Content-Type": kind}),
        )
