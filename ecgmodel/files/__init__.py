"""File formats of recordings, one per file: read in millivolts and written back.

Each format defines

- `LABEL`, a short description, and `SUFFIXES`, its file name suffixes;
- `read(path, hints) -> Recording`, or `Ecg`; the signal of a `Recording` may be read piece by piece
  (`ecgmodel.support.samples`);
- `rewrite(source, ecg, into, comment)`: a copy of the file with other samples in the leads;
- `write(name, ecg, into, comment)`, if other formats can be converted to it: a new file;
- `is_own(path)`, if other formats or other content share its suffixes: whether a file is its own;
- `MARK`, if its files may have no suffix: the place and value of their first bytes;
- `plain_name(name)`, if the format restricts file names: a valid name;
- `files(path)`, if a recording has several files: all of them;
- `extra_files(path)`, if a recording may have files that `rewrite` and `write` do not create.

`rewrite` and `write` write into an empty folder; `write_ecg` moves the files to the target folder.
"""

from ecgmodel.files._ecg import Annotation, Ecg, Hints, Recording, in_memory
from ecgmodel.files._finding import (
    QUALITY,
    created_formats,
    files_of,
    find_recordings,
    format_of,
    formats,
    stale_files,
    written_name,
)
from ecgmodel.files._reading import open_ecg, read_ecg
from ecgmodel.files._writing import write_ecg

__all__ = [
    "QUALITY",
    "Annotation",
    "Ecg",
    "Hints",
    "Recording",
    "created_formats",
    "files_of",
    "find_recordings",
    "format_of",
    "formats",
    "in_memory",
    "open_ecg",
    "read_ecg",
    "stale_files",
    "write_ecg",
    "written_name",
]
