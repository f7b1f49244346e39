"""The subcommand that cleans recordings."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from ecgmodel.cli.parts import with_settings
from ecgmodel.cli.pipeline import pipeline
from ecgmodel.errors import SettingsError

if TYPE_CHECKING:
    from ecgmodel.denoise.denoiser import Denoiser
    from ecgmodel.denoise.files import CleaningOptions, FoundRecording

SOME_FAILED = 3


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option(
    "--model",
    default="default",
    show_default=True,
    help="A shipped network, an .onnx or .keras file, or a registered model, e.g. "
    "models:/ecg-denoiser@champion.",
)
@click.option("--format", "written_as", help="Write this format; without it, each as it came.")
@click.option(
    "--fs",
    type=float,
    metavar="HZ",
    help="Sampling rate, where a file does not say it; over that of a table.",
)
@click.option("--unit", metavar="mV|uV|V", help="Unit of the leads, where a file does not say it.")
@click.option("--gain", type=float, help="Converter steps per mV, where the leads are such steps.")
@click.option("--column", "columns", multiple=True, help="A lead's name or number. Can come again.")
@click.option("--time-column", metavar="NAME", help="Name or number of the column of times.")
@click.option(
    "--untrusted",
    type=click.Choice(["mark", "pass"]),
    default="mark",
    show_default=True,
    help="Where the network is not to be trusted: clean and say so, or leave the input.",
)
@click.option("--plot", is_flag=True, help="Draw each recording before and after: NAME.png.")
@click.option(
    "--report", is_flag=True, help="A page to zoom and pan through, before and after: NAME.html."
)
@click.option(
    "--quality", is_flag=True, help="A table of every 10 s of each lead: NAME.quality.csv."
)
@click.option(
    "--flow", is_flag=True, help="As a Prefect flow: a task a recording, cached, retried."
)
@with_settings
def denoise(
    recordings: tuple[Path, ...],
    out: Path,
    model: str,
    written_as: str | None,
    untrusted: str,
    plot: bool,
    report: bool,
    quality: bool,
    flow: bool,
    config: Path | None,
    pairs: tuple[str, ...],
    **hints: Any,
) -> None:
    """Clean recordings: files, folders with all that is in them, or patterns.

    \b
    ecg-denoise denoise holter.edf --out cleaned --plot
    ecg-denoise denoise my-records/ --out cleaned
    ecg-denoise denoise 'exports/*.csv' --out cleaned --fs 250 --unit uV --format wfdb

    WFDB records, CSV and TSV, EDF and BDF, NumPy and Parquet are read, and written in their own
    format with annotations and all else that they hold. What a file does not say is asked for.
    NAME is the recording's file, of a WFDB record the record: holter.edf.png, 100.png.

    Exit status: 0 all were cleaned, 1 none was, 2 the command was not understood, 3 some were not
    cleaned (each is named), 130 stopped, 141 nobody reads any more what it says.
    """
    from ecgmodel.denoise.files import CleaningOptions, find
    from ecgmodel.files import Hints, formats

    ctx = click.get_current_context()
    if written_as not in (None, *formats()):
        raise click.BadParameter(
            f"expected one of {', '.join(formats())}.", ctx, param_hint="--format"
        )
    if flow and (plot or report or quality):
        raise click.UsageError(
            "--flow writes recordings alone. Leave --plot, --report, --quality out."
        )
    options = CleaningOptions(Hints(**hints), written_as, "pass" if untrusted == "pass" else "mark")
    if flow:
        as_flow = pipeline("denoise_as_flow")
        cleaned, failed = as_flow(recordings, out, model, options, config, pairs)
    else:
        found = find(recordings, out, written_as)
        extras = (plot, report, quality)
        cleaned, failed = _direct(found, out, model, options, extras, config, pairs)
    if failed:
        ctx.exit(SOME_FAILED if cleaned else 1)


def _direct(
    found: list[FoundRecording],
    out: Path,
    model: str,
    options: CleaningOptions,
    extras: tuple[bool, bool, bool],
    config: Path | None,
    pairs: tuple[str, ...],
) -> tuple[int, int]:
    """Clean in this process; return how many were cleaned and how many were not."""
    from ecgmodel.cli.denoising import Direct, plot, quality, report

    denoiser, label = _open(model, config, pairs)
    _check_writable(out)
    chosen = [
        write for write, wanted in zip((plot, report, quality), extras, strict=True) if wanted
    ]
    direct = Direct(denoiser, label, out, options, chosen, ask=sys.stdin.isatty())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing half-written stays
    try:
        direct.clean(found)
    except KeyboardInterrupt:
        told = f"Stopped: {direct.cleaned} of {len(found)} recordings were cleaned"
        click.echo(f"{told}. The same command cleans them all again.", err=True)
        sys.exit(130)
    if len(found) > 1:
        click.echo(f"Cleaned {direct.cleaned} of {len(found)} recordings into {out}.")
    return direct.cleaned, len(direct.failed)


def _check_writable(out: Path) -> None:
    """Refuse a folder that cannot be written to before hours of work, not after."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".ecg-", dir=out):
            pass
    except OSError as error:
        raise SettingsError(
            f"Nothing can be written to {out}: {error.strerror}. Choose another --out."
        ) from error


def _open(model: str, config: Path | None, pairs: tuple[str, ...]) -> tuple[Denoiser, str]:
    """Return a denoiser and what headers call it; a registry is asked only for its own."""
    from ecgmodel.denoise.denoiser import Denoiser, network_label

    if model.startswith("models:/") or Path(model).suffix == ".keras":
        used = pipeline("find_model")(model, config, pairs)
        return Denoiser.load(used.file), used.label
    if config or pairs:
        raise click.UsageError(
            "--config and --set are for --flow and for registered models. Leave them out."
        )
    return Denoiser.load(model), network_label(model)
