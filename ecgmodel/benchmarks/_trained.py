"""Networks that were trained for a protocol: a folder each, with recipe, weights and their hashes.

`trained/<protocol>/<name>/` holds `recipe.yaml`, the `.keras` files and `SHA256SUMS`. It belongs to
the project and not to the installed package.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.errors import ModelError
from ecgmodel.store import file_sha256, write_text
from ecgmodel.versions import ROOT

FOLDER = "trained"
RECIPE, SUMS = "recipe.yaml", "SHA256SUMS"


@dataclass(frozen=True)
class Trained:
    """A folder of one network.

    Attributes:
        name: What tables call it.
        folder: Where it is.
    """

    name: str
    folder: Path

    @property
    def recipe(self) -> Path:
        """How it was trained."""
        return self.folder / RECIPE

    def file(self, name: str) -> Path:
        """Return one of its networks, whose bytes are those that were committed.

        Raises:
            ModelError: It is not there, or was altered.
        """
        path = self.folder / name
        sums = self._sums()
        if not path.is_file() or sums.get(name) != file_sha256(path):
            raise ModelError(
                f"{path} is not the network that {self.folder / SUMS} names. Restore both from "
                "the repository, or train it again with --retrain."
            )
        return path

    def has(self, *names: str) -> bool:
        """Return whether all networks of these names are listed."""
        return set(names) <= set(self._sums())

    def put(self, networks: Mapping[str, Path]) -> None:
        """Put `.keras` files into the folder, as small as they can be, and list them."""
        for name, source in networks.items():
            _deflate(source, self.folder / name)
        sums = self._sums() | {name: file_sha256(self.folder / name) for name in networks}
        lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
        write_text(self.folder / SUMS, "".join(lines))

    def _sums(self) -> dict[str, str]:
        path = self.folder / SUMS
        if not path.is_file():
            return {}
        pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines())
        return {name: digest for digest, name in pairs}


def _deflate(source: Path, target: Path) -> None:
    """Copy a zip file with its members compressed, which Keras leaves as they are."""
    with (
        zipfile.ZipFile(source) as given,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made,
    ):
        for member in given.infolist():
            entry = zipfile.ZipInfo(member.filename, member.date_time)
            made.writestr(entry, given.read(member), zipfile.ZIP_DEFLATED, 9)


def trained(protocol: str, root: Path = ROOT / FOLDER) -> list[Trained]:
    """Return the networks of a protocol, by name.

    Args:
        protocol: Its name, e.g. "qt-bw".
        root: The folder of all.
    """
    return [Trained(p.parent.name, p.parent) for p in sorted((root / protocol).glob(f"*/{RECIPE}"))]
