"""Each window has the class of its rarest kind of beat."""

from __future__ import annotations

import numpy as np
import pytest

from ecgmodel.signals.beats import CLASSES, beat_classes

STARTS = np.array([0, 100, 200])


def classes(*beats: tuple[int, str]) -> list[str]:
    """Classes of three windows of 100 samples."""
    samples = np.array([at for at, _ in beats], dtype=np.int64)
    symbols = np.array([symbol for _, symbol in beats], dtype=object)
    return beat_classes(samples, symbols, STARTS, 100).tolist()


def test_windows_contain_the_beats_between_start_and_end():
    assert classes((0, "N"), (99, "V"), (100, "N"), (199, "N"), (300, "V")) == [
        "ventricular",
        "normal",
        "no beats",
    ]


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("NNV", "ventricular"),
        ("LF", "ventricular"),
        ("/E", "ventricular"),
        ("/N", "paced"),
        ("fL", "paced"),
        ("LL", "bundle branch"),
        ("RA", "bundle branch"),
        ("NA", "other"),
        ("Q", "other"),
        ("NNN", "normal"),
        ("+N~", "normal"),
        ('+~|"', "no beats"),
    ],
)
def test_the_first_class_in_order_applies(symbols, expected):
    assert classes(*((10 * i, s) for i, s in enumerate(symbols)))[0] == expected
    assert expected in CLASSES


def test_order_of_annotations_does_not_matter():
    assert classes((250, "V"), (10, "N"), (150, "R")) == ["normal", "bundle branch", "ventricular"]


def test_no_annotations_and_no_windows():
    assert classes() == ["no beats"] * 3
    none = beat_classes(np.array([5]), np.array(["N"]), np.array([], dtype=int), 100)
    assert none.shape == (0,)
