"""The subcommand `denoise`."""

from __future__ import annotations

import re
import signal
import sys
from functools import partial, reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ecgmodel.cli.parts import with_settings
from ecgmodel.cli.pipeline import pipeline
from ecgmodel.errors import SettingsError
from ecgmodel.support.stopping import Stopped, ask_to_stop

if TYPE_CHECKING:
    from ecgmodel.cli.denoising import Extra
    from ecgmodel.denoise.denoiser import Denoiser
    from ecgmodel.denoise.files import CleaningOptions, FoundRecording

SOME_FAILED = 3


class Moment(click.ParamType):
    """A time from the start of a recording: 75, 1:15 or 1:02:30."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return it in s."""
        if re.fullmatch(r"\d+(:[0-5]?\d){0,2}(\.\d+)?", str(value)) is None:
            self.fail(f"expected s, min:s or h:min:s. Received: {value}.", param, ctx)
        parts = map(float, str(value).split(":"))
        return reduce(lambda seconds, part: 60 * seconds + part, parts)


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Output folder.")
@click.option(
    "--model",
    default="default",
    show_default=True,
    help="A shipped network, an .onnx or .keras file, or a registered model, e.g. "
    "models:/ecg-denoiser@champion.",
)
@click.option("--format", "written_as", help="Output format. Default: the format of the input.")
@click.option(
    "--fs",
    type=float,
    metavar="HZ",
    help="Sampling rate in Hz, if a file does not state it. Overrides that of a table.",
)
@click.option("--unit", metavar="mV|uV|V", help="Unit of the leads, if a file does not state it.")
@click.option("--gain", type=float, help="ADC units per mV, if the samples are ADC units.")
@click.option("--column", "columns", multiple=True, help="Name or number of a lead. Repeatable.")
@click.option("--time-column", metavar="NAME", help="Name or number of the time column.")
@click.option(
    "--untrusted",
    type=click.Choice(["mark", "pass"]),
    default="mark",
    show_default=True,
    help="Where the result is unreliable: clean and mark it, or pass the input through.",
)
@click.option("--plot", is_flag=True, help="Plot 10 s before and after: NAME.png.")
@click.option(
    "--pdf", is_flag=True, help="Printable sheet of 10 s, 25 mm/s and 10 mm/mV: NAME.pdf."
)
@click.option(
    "--at",
    type=Moment(),
    metavar="TIME",
    help="Start of --plot and --pdf: 75, 1:15 or 1:02:30. Default: where most noise was removed.",
)
@click.option(
    "--report/--no-report",
    default=None,
    help="Interactive page, before and after: NAME.html. --summary writes it, too.",
)
@click.option(
    "--quality",
    is_flag=True,
    help="Quality table, a row for every 10 s of each lead: NAME.quality.csv.",
)
@click.option(
    "--summary",
    is_flag=True,
    help="Summary of all recordings, worst first: summary.html and summary.parquet. A call that "
    "was stopped is continued.",
)
@click.option(
    "--flow",
    is_flag=True,
    help="Run as a Prefect flow: one task per recording, cached and retried.",
)
@with_settings
def denoise(
    recordings: tuple[Path, ...],
    out: Path,
    model: str,
    written_as: str | None,
    untrusted: str,
    plot: bool,
    pdf: bool,
    at: float | None,
    report: bool | None,
    quality: bool,
    summary: bool,
    flow: bool,
    config: Path | None,
    pairs: tuple[str, ...],
    **hints: Any,
) -> None:
    """Remove noise from recordings.

    RECORDINGS are files, folders (searched recursively) or patterns.

    \b
    ecg-denoise denoise holter.edf --out cleaned --plot
    ecg-denoise denoise my-records/ --out cleaned
    ecg-denoise denoise 'exports/*.csv' --out cleaned --fs 250 --unit uV --format wfdb

    WFDB records, CSV and TSV, EDF and BDF, NumPy and Parquet files, DICOM waveforms, aECG, MUSE
    and Philips XML, ISHNE and SCP-ECG are read. The output has the same format and keeps
    annotations and all other content. If a file lacks its sampling rate or
    unit, you are asked for it. NAME is the name of the file, or of the WFDB record: holter.edf.png,
    100.png.

    Exit status: 0 all recordings cleaned; 1 none cleaned; 2 usage error; 3 some not cleaned (each
    is named); 130 interrupted; 141 the output pipe was closed.
    """
    from ecgmodel.denoise.files import CleaningOptions, find
    from ecgmodel.files import Hints, created_formats

    ctx = click.get_current_context()
    if written_as not in (None, *created_formats()):
        raise click.BadParameter(
            f"expected one of {', '.join(created_formats())}.", ctx, param_hint="--format"
        )
    if flow and (plot or pdf or report or quality):
        raise click.UsageError(
            "--flow writes recordings only. Omit --plot, --pdf, --report and --quality."
        )
    if at is not None and not (plot or pdf):
        raise click.UsageError("--at is the start of --plot or --pdf. Give one of them.")
    options = CleaningOptions(Hints(**hints), written_as, "pass" if untrusted == "pass" else "mark")
    if flow:
        as_flow = pipeline("denoise_as_flow")
        cleaned, failed = as_flow(recordings, out, model, options, summary, config, pairs)
    else:
        found = find(recordings, out, written_as)
        pages = summary if report is None else report
        extras = _extras(plot, pdf, pages, quality, at)
        cleaned, failed = _direct(found, out, model, options, extras, at, summary, config, pairs)
    if failed:
        ctx.exit(SOME_FAILED if cleaned else 1)


def _extras(
    plot: bool, pdf: bool, report: bool, quality: bool, at: float | None
) -> dict[str, Extra]:
    """Return what writes the further files that are wanted, by name."""
    from ecgmodel.cli import denoising

    chosen: dict[str, tuple[bool, Extra]] = {
        "plot": (plot, partial(denoising.plot, at_s=at)),
        "pdf": (pdf, partial(denoising.pdf, at_s=at)),
        "report": (report, denoising.report),
        "quality": (quality, denoising.quality),
    }
    return {name: write for name, (wanted, write) in chosen.items() if wanted}


def _direct(
    found: list[FoundRecording],
    out: Path,
    model: str,
    options: CleaningOptions,
    extras: dict[str, Extra],
    at_s: float | None,
    summary: bool,
    config: Path | None,
    pairs: tuple[str, ...],
) -> tuple[int, int]:
    """Clean in this process; return the numbers of cleaned and of failed recordings."""
    from ecgmodel.cli.archive import Archive
    from ecgmodel.cli.denoising import Direct
    from ecgmodel.support.extras import need

    if summary:
        need("pyarrow")  # not only when all is cleaned
    denoiser, label = _open(model, config, pairs)
    _check_writable(out)
    archive = Archive(out, label, options, [*extras, at_s]) if summary else None
    rest = [recording for recording in found if not (archive and archive.has(recording))]
    before = len(found) - len(rest)
    if before:
        click.echo(f"{before} of {len(found)} recordings are cleaned already; going on.")
    direct = Direct(denoiser, label, out, options, [*extras.values()], at_s, sys.stdin.isatty())
    direct.cleaned, direct.archive = before, archive
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        direct.clean(rest)
    except (KeyboardInterrupt, Stopped):
        told = f"Stopped: {direct.cleaned} of {len(found)} recordings were cleaned"
        click.echo(f"{told}. Run the same command again to clean them all.", err=True)
        sys.exit(130)
    if len(found) > 1:
        click.echo(f"Cleaned {direct.cleaned} of {len(found)} recordings into {out}.")
    if archive:
        click.echo(f"Summary: {', '.join(map(str, archive.write()))}")
    return direct.cleaned, len(direct.failed)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """Stop with what is under way undone.

    An interrupt that meets Python's own clean-up can come out as another error, such as "Bad file
    descriptor"; the request to stop stays known.
    """
    ask_to_stop()
    raise KeyboardInterrupt


def _check_writable(out: Path) -> None:
    """Raise an error now, not after hours of work, if the output folder is not writable."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".ecg-", dir=out):
            pass
    except OSError as error:
        raise SettingsError(
            f"Cannot write to {out}: {error.strerror}. Choose another --out."
        ) from error


def _open(model: str, config: Path | None, pairs: tuple[str, ...]) -> tuple[Denoiser, str]:
    """Return a denoiser and its name for file headers."""
    from ecgmodel.denoise.denoiser import Denoiser, network_label

    if model.startswith("models:/") or Path(model).suffix == ".keras":
        used = pipeline("find_model")(model, config, pairs)
        return Denoiser.load(used.file), used.label
    if config or pairs:
        raise click.UsageError(
            "--config and --set apply only to --flow and to registered models. Omit them."
        )
    return Denoiser.load(model), network_label(model)
