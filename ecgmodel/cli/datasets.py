"""The subcommands `check` and `export` of datasets."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", required=True, type=click.Path(path_type=Path), help="Output folder.")
@click.option("--split", multiple=True, help="Only this split. Repeatable.")
def export(dataset: Path, to: Path, split: tuple[str, ...]) -> None:
    """Export a dataset as NumPy arrays.

    Writes noisy_signals.npy and clean_signals.npy, (windows, samples), and windows.csv.
    """
    from ecgmodel.dataset.export import export_arrays
    from ecgmodel.dataset.splits import SPLITS

    counts = export_arrays(dataset, to, split or SPLITS)
    for name, windows in counts.items():
        click.echo(f"{name:<11} {windows:>9,} windows")
    click.echo(f"Written to {to}: noisy_signals.npy, clean_signals.npy, windows.csv")


@click.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--deep",
    is_flag=True,
    help="Also hash every file of the dataset and of what it was made from, check every SNR, and "
    "search for recordings that are in two splits under different names.",
)
def check(dataset: Path, deep: bool) -> None:
    """Check a dataset for leaks between its splits.

    It reads the rows alone and checks that no subject and no noise is in two splits.
    """
    from ecgmodel.dataset.checks import check_dataset
    from ecgmodel.dataset.doubles import check_doubles
    from ecgmodel.errors import DatasetError
    from ecgmodel.store import MANIFEST
    from ecgmodel.store.inputs import damaged_files

    if deep and (dataset / MANIFEST).is_file() and (damaged := damaged_files(dataset)):
        raise DatasetError(
            f"{len(damaged)} files are missing or not as they were made, such as {damaged[0]}. Run "
            "the command again that made the dataset: what is damaged is made again."
        )
    found = check_dataset(dataset, deep=deep)
    if deep:
        check_doubles(dataset)
    for name, subjects in found["subjects"].items():
        click.echo(f"{name:<11} {found['rows'][name]:>9,} rows of {len(subjects)} subjects")
    for record, spans in found["noise"].items():
        parts = ", ".join(f"{split} {low:,} to {high:,}" for split, (low, high) in spans.items())
        click.echo(f"noise {record}: samples {parts}")
    click.echo(
        "No subject and no noise is in two splits." + (" Files and SNRs are exact." if deep else "")
    )
