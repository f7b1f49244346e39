"""The report is self-contained, and states data, code, settings and results."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.report import DatasetFacts, ReportContext, interval, number, render

from .made import at_snr, ecg, noise, result_table

VOID = {"meta", "link", "img", "source", "br"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text = re.sub(r"\s+", " ", self.text + data)


@pytest.fixture(scope="module")
def context():
    rng = np.random.default_rng(0)
    clean = ecg(rng)
    example = Example(
        "worst",
        "model",
        "mitdb/104",
        "104",
        "MLII",
        0,
        "ma",
        6.0,
        -1.5,
        360.0,
        clean,
        at_snr(clean, noise("ma", rng), 6),
        clean * 0.9,
    )
    return ReportContext(
        table=result_table(("none", "butterworth", "wavelet", "model")),
        model="model",
        description="autoencoder, 5,497 parameters",
        examples=[example],
        history={"loss": [0.3, 0.2], "val_loss": [0.3, 0.25]},
        dataset=DatasetFacts(
            digest="9f2c7a",
            sources=["simulated"],
            splits={"train": {"subjects": 12, "rows": 5000}, "test": {"subjects": 5}},
            left_out={"mitdb/<102>": "flat & clipped"},
        ),
        settings={"seed": 7, "mix": {"snr_db": [-6, 0]}},
        versions={"keras": "3.15.1"},
        commands=["ecg-denoise run"],
        git_commit="1a2b3c4",
        simulated=True,
        draws=200,
    )


@pytest.fixture(scope="module")
def page(context):
    return Page(render(context))


def test_the_report_is_self_contained(page):
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    outside = [
        value
        for _, attributes in page.tags
        for name in ("src", "href", "srcset", "data")
        if (value := attributes.get(name)) and not value.startswith("data:image/")
    ]
    assert outside == []


def test_pictures_have_light_and_dark_variants_and_alternative_text(page):
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 5  # improvement, SNR, section, segment, loss
    assert all(picture["alt"] for picture in pictures)
    media = [attributes["media"] for tag, attributes in page.tags if tag == "source"]
    assert sum("dark" in m for m in media) >= len(pictures)


def test_the_report_starts_with_the_gain_over_the_best_filter(page, context):
    noisy = context.table[context.table["noise_type"] != "none"]
    rows = noisy.groupby("method")["snr_improvement"].mean()
    assert f"by {number(rows['model'])} dB" in page.text
    assert "The best classical filter, wavelet sym8" in page.text
    assert f"ahead by {number(rows['model'] - rows['wavelet'])} dB" in page.text


def test_simulated_data_is_stated(page):
    assert "Simulated data." in page.text


def test_the_report_names_data_code_settings_and_the_worst_record(page):
    for words in ("9f2c7a", "1a2b3c4", "seed: 7", "3.15.1", "ecg-denoise run", "5,000"):
        assert words in page.text
    assert "smallest mean SNR improvement is in record mitdb/100" in page.text
    assert "mitdb/<102> flat & clipped" in page.text.replace("flat", " flat").replace("  ", " ")


def test_a_table_without_the_model_is_refused(context):
    with pytest.raises(DatasetError, match="model"):
        render(replace(context, table=result_table(("none", "wavelet"))))


def test_a_report_without_history_examples_and_noiseless_rows(context):
    table = context.table[context.table["noise_type"] != "none"]
    less = replace(context, table=table, history={}, examples=[], simulated=False)
    bare = Page(render(less))
    assert bare.open == []
    assert "Simulated data." not in bare.text
    assert "nan" not in bare.text.lower().split()


def test_numbers_are_formatted():
    assert number(-1.25, 1) == "\N{MINUS SIGN}1.2"
    assert number(2.0, 1, signed=True) == "+2.0"
    assert number(float("nan")) == "\N{EN DASH}"
    assert interval(float("nan"), 1.0) == ""
