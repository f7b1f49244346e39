"""Proxies in the environment are for other machines, not for servers of this one."""

from __future__ import annotations

import os

_HERE = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def spare_loopback() -> None:
    """Let no proxy of the environment be asked for this machine's own addresses.

    Clinics set `HTTP_PROXY` without `NO_PROXY`. The libraries read both when they connect.
    """
    if not any(os.environ.get(name) or os.environ.get(name.lower()) for name in _PROXIES):
        return
    for name in ("NO_PROXY", "no_proxy"):
        stated = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
        if "*" not in stated:
            os.environ[name] = ",".join(dict.fromkeys((*stated, *_HERE)))
