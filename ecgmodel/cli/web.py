"""The subcommand `web`."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ecgmodel.cli.parts import with_settings
from ecgmodel.cli.pipeline import pipeline


def _limit(
    name: str, field: str, kind: click.ParamType, default: float, text: str
) -> Callable[..., Any]:
    """Return an option --max-NAME for a field of `Limits`."""
    return click.option(
        f"--max-{name}", field, default=default, show_default=True, type=kind, help=text
    )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8460, show_default=True, type=click.IntRange(0, 65535), help="0: any free."
)
@click.option(
    "--model",
    default="default",
    show_default=True,
    help="A shipped network, an .onnx or .keras file, or models:/ecg-denoiser@champion.",
)
@click.option(
    "--token",
    default="",
    envvar="ECG_WEB_TOKEN",
    help="Token that clients have to send. Generated if other machines can reach the service.",
)
@click.option("--name", multiple=True, help="Host name of the service. Repeatable.")
@_limit("mb", "megabytes", click.IntRange(1), 1000, "Maximum size of a request, MB.")
@_limit("seconds", "seconds", click.FloatRange(0.1), 600.0, "For one recording.")
@_limit("samples", "samples", click.IntRange(1), 300_000_000, "Of all leads together.")
@_limit("leads", "leads", click.IntRange(1, 256), 64, "Of one recording.")
@_limit("waiting", "waiting", click.IntRange(0), 8, "Maximum number of waiting recordings.")
@with_settings
def web(
    host: str,
    port: int,
    model: str,
    token: str,
    name: tuple[str, ...],
    config: Path | None,
    pairs: tuple[str, ...],
    **limits: Any,
) -> None:
    """Serve the denoiser as a web page and HTTP API.

    Programs use POST /denoise. Recordings stay on this machine and are not stored. For
    research; not a medical device.
    """
    from ecgmodel.web.server import Address, serve
    from ecgmodel.web.settings import Limits

    cost = Limits.model_validate({**limits, "unpacked_megabytes": 2 * limits["megabytes"]})
    made_up = "" if token or _is_loopback(host) else secrets.token_urlsafe(24)
    file, label = _network(model, config, pairs)

    def ready(used: int) -> None:
        click.echo(_greeting(host, used, made_up, bool(token)))

    names = (*name, socket.gethostname()) if not _is_loopback(host) else name
    serve(Address(host, port, names, token or made_up), file, label, cost, ready)


def _greeting(host: str, port: int, made_up: str, has_token: bool) -> str:
    """Return the message to print when the service answers."""
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    address = f"http://{shown}:{port}/" + (f"#token={made_up}" if made_up else "")
    lines = [f"ECG denoiser at {address} (Ctrl-C stops it)"]
    if made_up:
        lines += [
            f"Token       {made_up}",
            "            Programs send it as `Authorization: Bearer TOKEN`. It is shown only here.",
        ]
    elif has_token:
        lines += ["            The page asks for the token."]
    return "\n".join(lines)


def _is_loopback(host: str) -> bool:
    """Return whether an address is loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _network(model: str, config: Path | None, pairs: tuple[str, ...]) -> tuple[str, str]:
    """Return a network's file, or the name of a shipped one, and its display name."""
    if not (model.startswith("models:/") or model.endswith(".keras")):
        return model, ""
    used = pipeline("find_model")(model, config, pairs)
    return str(used.file), used.label
