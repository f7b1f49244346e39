"""Invalid settings are refused before a run starts; the error names setting, value and remedy."""

from __future__ import annotations

import pytest

from ecgmodel.errors import SettingsError
from ecgmodel.settings.config import load_as, load_settings
from flows.service.settings import ServedSettings

REFUSED = [
    ("evaluation.baselines=[none]", r"evaluation\.baselines: .*at least one filter.*butterworth"),
    ("evaluation.window=20000", r"evaluation\.window=20000 is longer.*mix\.test\.segment_s=32"),
    ("resample.length=1000", r"resample\.length=1000 is shorter than evaluation\.window=1024"),
    ("resample.start_s=400", r"minutes=2 minus resample\.start_s=400"),
    ("source.simulated.minutes=0.1 evaluation.window=3000",
     r"source\.simulated\.minutes=0\.1.*evaluation\.window=3000"),
    ("training.learning_rate=1e-6", r"min_learning_rate=4e-05 is above.*Lower .* as well"),
    ("training.warmup_epochs=6", r"training\.warmup_epochs=6.*training\.epochs=6"),
    ("drift.recent=5", r"drift\.recent=5 .*drift\.min_recordings"),
    ("split.test=[own/a] split.train=[own/a]", r"own/a is named in split\.train and split\.test"),
    ("split.test_share=0.7 split.validation_share=0.5", r"test_share.*at most 1.*0\.7 \+ 0\.5"),
    ("source.clean=[mitdb]", r"source\.kind is not.*source\.kind=physionet"),
    ("source.path=/tmp", r"source\.path is given.*source\.kind=folder"),
    ("source.base_url=ftp://mirror", r"source\.base_url: expected https://.*'ftp://mirror'"),
    ("tracking.uri=ftp://host", r"tracking\.uri: expected .*http://.*sqlite://.*'ftp://host'"),
    ("tracking.uri=localhost:5000", r"tracking\.uri: expected the URI.*'localhost:5000'"),
    ("tracking.experiment=", r"tracking\.experiment: "),
    ("tracking.model=ecg/mine", r"tracking\.model: .*'ecg/mine'"),
    ("tracking.model=..", r"tracking\.model: .*'\.\.'"),
    ("service.schedules={sync: often}", r"expected cron like.*often"),
    ("service.timezone=Berlin", r"expected a zone like Europe/Berlin"),
    ("service.webhook=hooks", r"service\.webhook: expected http:// or https://"),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "message"), REFUSED)
def test_invalid_settings_are_refused_on_loading(pairs: str, message: str) -> None:
    given = [pairs] if "{" in pairs or "[none]" in pairs else pairs.split(" ")
    with pytest.raises(SettingsError, match=message):
        load_as(ServedSettings, pairs=given)


@pytest.mark.parametrize(
    "pairs",
    [
        ["tracking.uri=https://mlflow.example.org"],
        ["tracking.uri=postgresql+psycopg2://me:secret@host/db"],
        ["tracking.model=my denoiser.v2"],
        ["source.kind=simulated", "source.clean=[mitdb]"],
        ["preset=classic"],
        ["preset=full"],
        ["preset=adapt"],
    ],
)
def test_valid_settings_are_accepted(pairs: list[str]) -> None:
    load_settings(pairs=pairs)
