"""A bar counts whole units, whatever share of the next one is done."""

from __future__ import annotations

import pytest

from ecgmodel.support.progress import bar


def test_shares_of_a_unit_are_not_counted_out(capsys: pytest.CaptureFixture[str]) -> None:
    with bar(11, "denoise", "recording") as shown:
        shown.update(2)
        shown.update(0.142223307291669)
        shown.refresh()
        text = capsys.readouterr().err
        assert shown.n == pytest.approx(2.142223)
    assert "2/11" in text
    assert "2.14" not in text
    assert "19%" in text
