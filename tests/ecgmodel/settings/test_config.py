from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ecgmodel.errors import SettingsError
from ecgmodel.settings.config import Settings, load_settings


def test_pairs_override_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mix: {seed: 3, test: {snr_db: [0, 6]}}\nsource: {kind: physionet}\n")
    settings = load_settings(file, ["mix.seed=5", "source.clean=[mitdb, qtdb]"])
    assert settings.mix.seed == 5
    assert settings.mix.test.snr_db == (0, 6)
    assert settings.source.clean_databases == ("mitdb", "qtdb")


def test_settings_are_equal_after_a_round_trip_through_json() -> None:
    settings = load_settings(pairs=["mix.test.snr_db=[-20, 5]", "network.options={dropout: 0.1}"])
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["mix.sed=3"], r"no setting 'mix.sed'. Nearest: mix.seed"),
        (["source.clean=[mitdb, nstdb]"], r"source.clean contains nstdb.* also source.noise"),
        (["source.clean=[mitbd]"], r"source.clean: Unknown database 'mitbd'. Nearest: mitdb"),
        (["network.architecture=unet"], "Unknown architecture 'unet'"),
        (["network.options={dropuot: 1}"], "dropuot"),
        (["mix.window=1001"], r"1001.*Nearest: 896 and 1024"),
        (["mix.test.snr_db=[]"], "mix.test.snr_db: expected at least one finite SNR"),
        (["mix.test.snr_db=[.nan]"], "finite SNR"),
        (["mix.seed=many"], r"mix.seed: .*Received: 'many'"),
        (["source.kind=folder"], "needs source.path"),
        (["mix.seed"], "needs name=value"),
        (["mix.seed=[1"], "not valid YAML"),
        (["mix.seed=1", "mix.seed.a=1"], "'seed' is a single value.*--set mix.seed=VALUE"),
        (["store.a=1", "store.b.c=1"], "store"),
    ],
)
def test_errors_name_the_setting_and_the_remedy(pairs: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(pairs=pairs)


def test_a_file_without_valid_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml cannot be read: No such file"):
        load_settings(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(SettingsError, match=r"expected a map.*Received: a list"):
        load_settings(tmp_path / "list.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(SettingsError, match="is not valid YAML"):
        load_settings(tmp_path / "bad.yaml")


def test_loading_settings_imports_no_large_library() -> None:
    code = (
        "import sys; from ecgmodel.settings.config import load_settings; load_settings()\n"
        "heavy = {'tensorflow', 'keras', 'prefect', 'mlflow', 'matplotlib', 'neurokit2'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
