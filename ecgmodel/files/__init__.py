"""Recordings in the formats that people have, one a file: read as millivolts and written back.

Each format has

- `LABEL`, a few words, and `SUFFIXES`, the file names' ends by which it is known;
- `read(path, hints) -> Ecg`;
- `rewrite(source, ecg, into, comment)`: the same file with other leads, all else as it was;
- `write(name, ecg, into, comment)`: a new file of a recording that came in another format;
- `plain_name(name)`, if that cannot have every name: the one that it has instead;
- `files(path)`, if a recording may have several: all of them;
- `beside(path)`, if some of these may be more than `rewrite` and `write` make: those.

`rewrite` and `write` write into an empty folder; `write_ecg` moves its files to their place.
"""

from ecgmodel.files._ecg import Annotation, Ecg, Hints
from ecgmodel.files._finding import (
    QUALITY,
    files_of,
    find_recordings,
    format_of,
    formats,
    stale_files,
    written_name,
)
from ecgmodel.files._reading import read_ecg
from ecgmodel.files._writing import write_ecg

__all__ = [
    "QUALITY",
    "Annotation",
    "Ecg",
    "Hints",
    "files_of",
    "find_recordings",
    "format_of",
    "formats",
    "read_ecg",
    "stale_files",
    "write_ecg",
    "written_name",
]
