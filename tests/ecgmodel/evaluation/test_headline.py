"""The headline: mean SNR improvement with its interval, and the best classical filter."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.headline import Headline, headline
from ecgmodel.evaluation.summary import as_text, summarise


def table(gains: dict[str, float], subjects: int = 4, untouched: float = 20.0) -> pd.DataFrame:
    """Return rows of methods with the given mean gains; subjects differ by 0.1 dB."""
    rows = [
        {
            **{"method": method, "record": f"db/{s}", "subject": f"db/{s}", "lead": "I"},
            **{"start": 0, "noise_type": noise, "snr_db": snr},
            "snr_improvement": np.nan if noise == "none" else gain + 0.1 * (s - 1.5),
            "snr_out": untouched + gain if noise == "none" else gain,
        }
        for method, gain in gains.items()
        for s in range(subjects)
        for noise, snr in (("bw", 0.0), ("bw", 6.0), ("none", np.nan))
    ]
    return pd.DataFrame(rows)


def test_the_headline_is_the_mean_over_noisy_segments_with_the_best_filter() -> None:
    found = headline(table({"none": 0.0, "fir": 5.0, "wavelet": 6.0, "model": 8.0}), "model")
    assert found.improvement == pytest.approx(8.0)
    assert (found.filter, found.filter_improvement) == ("wavelet", pytest.approx(6.0))
    assert found.difference == pytest.approx(2.0)
    assert found.interval is not None
    assert 7.8 < found.interval[0] < 8.0 < found.interval[1] < 8.2
    assert (found.subjects, found.segments) == (4, 8)
    assert (found.untouched, found.filter_untouched) == (pytest.approx(28.0), pytest.approx(26.0))
    start = "+8.0 dB SNR improvement (95 % interval 7.9 to 8.1, 4 subjects)"
    assert found.sentence.startswith(start)
    assert found.sentence.endswith("best filter (wavelet) +6.0 dB")


def test_too_few_subjects_have_no_interval_and_a_missing_filter_is_not_mentioned() -> None:
    found = headline(table({"none": 0.0, "model": 3.0}, subjects=1), "model")
    assert found.sentence == "+2.9 dB SNR improvement (1 subject)"


def test_the_headline_is_equal_after_a_manifest() -> None:
    found = headline(table({"fir": 5.0, "model": 8.0}), "model")
    assert Headline.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_an_unmeasured_method_is_refused() -> None:
    with pytest.raises(DatasetError, match="model"):
        headline(table({"fir": 5.0}), "model")


def test_the_row_all_of_the_table_equals_the_headline() -> None:
    rows = table({"none": 0.0, "fir": 5.0, "model": 8.0}).assign(rmse=0.1)
    hard = rows["snr_db"] == 0
    rows.loc[hard & (rows["method"] == "model"), "snr_improvement"] += 6.0
    rows = pd.concat([rows, rows[hard].assign(start=11_520)], ignore_index=True)
    found = headline(rows, "model")
    assert found.improvement == pytest.approx(12.0)  # the mean of the cells would be 11
    (line,) = [line for line in as_text(summarise(rows)).splitlines() if line.startswith("all ")]
    assert line.split()[-1] == "12.0*"
