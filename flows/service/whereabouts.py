"""Registers running services in the user's cache folder.

So `status` and `down` find a service that was started from another folder or with a settings file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from ecgmodel.errors import SettingsError
from ecgmodel.settings.config import load_as
from ecgmodel.store import write_text
from flows.service.processes import recall
from flows.service.settings import ServedSettings, ServiceSettings

KNOWN = "service.json"


@dataclass(frozen=True)
class Whereabouts:
    """The options with which a service was started.

    Attributes:
        state: Its state folder.
        config: The settings file, "" for none.
        pairs: Single settings, as `--set` takes them.
    """

    state: str
    config: str = ""
    pairs: tuple[str, ...] = ()

    @property
    def note(self) -> Path:
        """The file of the entry."""
        return _notes() / f"{sha256(self.state.encode()).hexdigest()[:16]}.json"

    @property
    def option(self) -> str:
        """The option that selects the service."""
        return f"--config {self.config}" if self.config else f"--set service.state={self.state}"

    @property
    def runs(self) -> bool:
        """Whether one of its processes is running."""
        return any(known.process for known in recall(Path(self.state) / KNOWN).values())

    def write(self) -> None:
        """Write the entry; on failure the service only cannot be found from other folders."""
        with suppress(OSError):
            self.note.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.note, json.dumps(asdict(self)) + "\n")

    def forget(self) -> None:
        """Remove the entry."""
        with suppress(OSError):
            self.note.unlink(missing_ok=True)

    def settings(self) -> ServedSettings:
        """Return the service's settings, independent of the working folder."""
        config = Path(self.config) if self.config else None
        return load_as(ServedSettings, config, (*self.pairs, f"service.state={self.state}"))


def running_service() -> Whereabouts:
    """Return the running service, or the default of the working folder if none runs.

    A service with its state in `ecg-state` of the working folder is preferred.

    Raises:
        SettingsError: Several services run, none of them in the working folder; the message
            names them.
    """
    here = Whereabouts(str(ServiceSettings().root))
    found = [one for one in _noted() if one.runs]
    own = [one for one in found if one.state == here.state] or found
    if len(own) > 1:
        names = "\n".join(sorted(f"  {one.option}" for one in own))
        raise SettingsError(f"Several services are running. Choose one:\n{names}")
    return own[0] if own else here


def _noted() -> Sequence[Whereabouts]:
    found = []
    for note in _notes().glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            tree = json.loads(note.read_text())
            found.append(Whereabouts(tree["state"], tree["config"], tuple(tree["pairs"])))
    return found


def _notes() -> Path:
    # Not the runtime folder: under systemd there is none, or another one.
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ecg-denoiser" / "services"
