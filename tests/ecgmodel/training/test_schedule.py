"""The learning rate falls on a plateau, and training stops when waiting was in vain."""

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


def test_learning_rate_falls_after_every_stretch_without_a_gain() -> None:
    losses = [1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4]
    _, _, rates = run(losses, learning_rate=1.0, plateau_patience=2, plateau_factor=0.1)
    assert rates == [1, 1, 1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]


def test_learning_rate_has_a_lower_end() -> None:
    flat = [1.0] * 9
    _, _, rates = run(flat, learning_rate=1.0, plateau_patience=1, min_learning_rate=0.4)
    assert rates[-1] == 0.4


def test_training_is_over_after_patience_without_a_gain() -> None:
    settings = plateau(patience=2)
    assert not run([1.0, 1.0], patience=2)[0].is_over(settings)
    assert run([1.0, 1.0, 1.0], patience=2)[0].is_over(settings)
    assert not run([1.0, 1.0, 0.5, 0.6], patience=2)[0].is_over(settings)


def test_without_patience_it_goes_on() -> None:
    settings = plateau(patience=None, plateau_patience=None)
    schedule, _, rates = run([1.0] * 50, patience=None, plateau_patience=None)
    assert not schedule.is_over(settings)
    assert set(rates) == {settings.learning_rate}


def test_a_tiny_gain_is_kept_as_the_best_but_does_not_end_the_waiting() -> None:
    losses = [1.0, 0.9999, 0.9998, 0.9997]
    schedule, best, _ = run(losses, patience=3, min_delta=0.01)
    assert best == [True] * 4
    assert schedule.best_epoch == 4
    assert schedule.is_over(plateau(patience=3))


def test_a_cosine_falls_over_all_epochs_and_is_not_ended_early() -> None:
    settings = TrainingSettings(
        schedule="cosine", epochs=4, learning_rate=1.0, min_learning_rate=0.0, warmup_epochs=0
    )
    schedule = Schedule(settings.learning_rate)
    for epoch in range(1, 5):
        schedule.update(epoch, 1.0, settings)
    rates = [schedule.rate(done, settings) for done in range(5)]
    assert rates == pytest.approx([1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0.0])
    assert not schedule.is_over(settings)


def test_hold_keeps_its_rate_over_the_first_half_and_then_falls_evenly() -> None:
    settings = TrainingSettings(
        schedule="hold", epochs=4, learning_rate=1.0, min_learning_rate=0.0, warmup_epochs=0
    )
    rates = [Schedule(1.0).rate(done, settings) for done in (0.5, 2, 3, 3.5, 4)]
    assert rates == pytest.approx([1.0, 1.0, 0.5, 0.25, 0.0])


def test_warm_up_rises_to_the_first_rate_step_by_step() -> None:
    settings = plateau(learning_rate=0.9, warmup_epochs=0.5)
    rates = [Schedule(0.9).rate(done, settings) for done in (0.1, 0.25, 0.5, 4)]
    assert rates == pytest.approx([0.18, 0.45, 0.9, 0.9])
