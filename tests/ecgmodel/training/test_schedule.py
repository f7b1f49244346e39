"""The learning rate falls on a plateau, and training stops when the patience is used up."""

from __future__ import annotations

import pytest

from ecgmodel.training.schedule import Schedule
from ecgmodel.training.settings import TrainingSettings


def plateau(**settings: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"schedule": "plateau", "warmup_epochs": 0, **settings})


def run(losses: list[float], **settings: object) -> tuple[Schedule, list[bool], list[float]]:
    chosen = plateau(**settings)
    schedule = Schedule(chosen.learning_rate)
    best, rates = [], []
    for epoch, loss in enumerate(losses, start=1):
        best.append(schedule.update(epoch, loss, chosen))
        rates.append(schedule.learning_rate)
    return schedule, best, rates


def test_learning_rate_falls_on_each_plateau() -> None:
    losses = [1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4]
    _, _, rates = run(losses, learning_rate=1.0, plateau_patience=2, plateau_factor=0.1)
    assert rates == [1, 1, 1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]


def test_learning_rate_has_a_lower_limit() -> None:
    flat = [1.0] * 9
    _, _, rates = run(flat, learning_rate=1.0, plateau_patience=1, min_learning_rate=0.4)
    assert rates[-1] == 0.4


def test_training_stops_when_the_patience_is_used_up() -> None:
    settings = plateau(patience=2)
    assert not run([1.0, 1.0], patience=2)[0].is_over(settings)
    assert run([1.0, 1.0, 1.0], patience=2)[0].is_over(settings)
    assert not run([1.0, 1.0, 0.5, 0.6], patience=2)[0].is_over(settings)


def test_training_does_not_stop_early_without_patience() -> None:
    settings = plateau(patience=None, plateau_patience=None)
    schedule, _, rates = run([1.0] * 50, patience=None, plateau_patience=None)
    assert not schedule.is_over(settings)
    assert set(rates) == {settings.learning_rate}


def test_a_gain_below_min_delta_is_the_best_but_no_improvement() -> None:
    losses = [1.0, 0.9999, 0.9998, 0.9997]
    schedule, best, _ = run(losses, patience=3, min_delta=0.01)
    assert best == [True] * 4
    assert schedule.best_epoch == 4
    assert schedule.is_over(plateau(patience=3))


def test_cosine_decays_over_all_epochs_without_early_stopping() -> None:
    settings = TrainingSettings(
        schedule="cosine", epochs=4, learning_rate=1.0, min_learning_rate=0.0, warmup_epochs=0
    )
    schedule = Schedule(settings.learning_rate)
    for epoch in range(1, 5):
        schedule.update(epoch, 1.0, settings)
    rates = [schedule.rate(done, settings) for done in range(5)]
    assert rates == pytest.approx([1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0.0])
    assert not schedule.is_over(settings)


def test_hold_is_constant_for_half_the_epochs_then_linear() -> None:
    settings = TrainingSettings(
        schedule="hold", epochs=4, learning_rate=1.0, min_learning_rate=0.0, warmup_epochs=0
    )
    rates = [Schedule(1.0).rate(done, settings) for done in (0.5, 2, 3, 3.5, 4)]
    assert rates == pytest.approx([1.0, 1.0, 0.5, 0.25, 0.0])


def test_warm_up_is_linear() -> None:
    settings = plateau(learning_rate=0.9, warmup_epochs=0.5)
    rates = [Schedule(0.9).rate(done, settings) for done in (0.1, 0.25, 0.5, 4)]
    assert rates == pytest.approx([0.18, 0.45, 0.9, 0.9])
