from __future__ import annotations

import numpy as np

from ecgmodel.support.randomness import generator, uniforms


def test_numbers_depend_on_names_not_on_the_order_of_calls() -> None:
    a = generator(0, "mitdb/100", 5).random(3)
    generator(0, "mitdb/101", 5).random(3)
    np.testing.assert_array_equal(a, generator(0, "mitdb/100", 5).random(3))
    assert not np.array_equal(a, generator(1, "mitdb/100", 5).random(3))
    assert not np.array_equal(a, generator(0, "mitdb/10", "05").random(3))


def test_uniforms_of_a_row_do_not_depend_on_the_other_rows() -> None:
    rows = np.arange(1000)
    whole = uniforms(3, "type", rows[:, None], np.arange(2))
    np.testing.assert_array_equal(whole[500:510, 1], uniforms(3, "type", rows[500:510], 1))


def test_uniforms_are_uniform_and_uncorrelated() -> None:
    x = uniforms(0, "a", np.arange(100_000) * 1024, 0)
    y = uniforms(0, "a", np.arange(100_000) * 1024, 1)
    z = uniforms(0, "b", np.arange(100_000) * 1024, 0)
    counts = np.histogram(x, bins=20, range=(0, 1))[0]
    assert abs(counts - 5000).max() < 350
    for other in (y, z, np.roll(x, 1)):
        assert abs(np.corrcoef(x, other)[0, 1]) < 0.015
