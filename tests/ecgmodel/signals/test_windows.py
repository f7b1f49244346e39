from __future__ import annotations

import numpy as np

from ecgmodel.signals.windows import cut, segment_starts, spread, window_starts


def test_windows_contain_usable_samples_only() -> None:
    usable = np.ones(50, bool)
    usable[[12, 39]] = False
    assert window_starts(usable, 10).tolist() == [0, 20, 40]
    assert window_starts(usable[:9], 10).tolist() == []


def test_segments_lie_in_runs_of_good_windows() -> None:
    starts = np.array([0, 10, 20, 30, 50, 60, 70, 80, 90, 100])
    assert segment_starts(starts, 10, 25).tolist() == [0, 50, 80]
    assert segment_starts(starts, 10, 40).tolist() == [0, 50]
    assert segment_starts(starts[:2], 10, 25).tolist() == []


def test_spread_takes_evenly_and_keeps_both_ends() -> None:
    assert spread(np.arange(101), 5).tolist() == [0, 25, 50, 75, 100]
    assert spread(np.arange(3), 5).tolist() == [0, 1, 2]
    assert spread(np.arange(3), None).tolist() == [0, 1, 2]


def test_cut() -> None:
    assert cut(np.arange(10), np.array([0, 6]), 4).tolist() == [[0, 1, 2, 3], [6, 7, 8, 9]]
    assert cut(np.arange(3), np.array([], dtype=int), 4).shape == (0, 4)
