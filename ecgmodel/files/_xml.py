"""XML files of recordings: recognised by their root, read with the place of every text in them.

Python's own expat reads them. Entities and external files, with which a small document grows or
reads other files, are refused; so are documents that are large or have very many elements. The
places allow a text to be exchanged while all other bytes are kept.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import EcgError, RecordError
from ecgmodel.files._limits import check_file

MOST_BYTES = 2**28
MOST_ELEMENTS = 200_000
DEEPEST = 200
LONGEST_TEXT = 4096
"""Longest text of an element that is held, in characters; of a longer one only its place."""
_START = 2**16
_SPACE, _WORD = re.compile(rb"\s"), re.compile(rb"\S+")
_PIECE = 2**20
_DECLARED = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_WIDE = ("gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr")
"""Encodings of several bytes a letter, which expat does not know."""
_ATTRIBUTE = re.compile(r"\s+([^\s=>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*")


@dataclass
class Element:
    """An element.

    Attributes:
        name: Its name without prefix.
        attributes: Its attributes by name without prefix.
        text: Its text without surrounding space, if it is short; "" for a long one.
        start: Place of the first byte of its text in the file; -1 without text.
        end: Place of the byte after its content.
        tag: Place of its start tag.
        children: The elements in it.
    """

    name: str
    attributes: dict[str, str]
    tag: int
    text: str = ""
    start: int = -1
    end: int = -1
    children: list[Element] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[Element]:
        """Yield the elements at a path of names below this one, at any depth for the first."""
        for child in self.children:
            yield from child._matching(names)
            yield from child.all(*names)

    def direct(self, *names: str) -> Iterator[Element]:
        """Yield the elements at a path of names directly below this one."""
        for child in self.children:
            yield from child._matching(names)

    def _matching(self, names: tuple[str, ...]) -> Iterator[Element]:
        """Yield the elements at a path that begins with this one's own name."""
        if self.name == names[0]:
            yield from self.direct(*names[1:]) if names[1:] else (self,)

    def first(self, *names: str) -> Element | None:
        """Return the first element of `direct`, None without one."""
        return next(self.direct(*names), None)

    def value(self, *names: str) -> str:
        """Return the text of the first element of `direct`, "" without one."""
        found = self.first(*names)
        return found.text if found else ""


@dataclass(frozen=True)
class Document:
    """A document.

    Attributes:
        root: Its root element.
        data: Its bytes; those of UTF-8 if the file's encoding is not known to expat.
        encoding: The encoding in which numbers in it are written.
        path: The file.
        wide: The file's encoding, e.g. "gbk", if it is not known to expat; else "".
    """

    root: Element
    data: bytes
    encoding: str
    path: Path
    wide: str = ""

    def content(self, element: Element) -> bytes:
        """Return an element's text as ASCII.

        Raises:
            RecordError: It contains other elements or other letters.
        """
        raw = self.data[element.start : element.end] if element.start >= 0 else b""
        try:
            plain = raw.decode(self.encoding).encode("ascii")
        except UnicodeError:
            plain = b"<"
        if b"<" in plain or b"&" in plain or element.children:
            raise _no_plain(element.name, self.path)
        return plain

    def numbers(self, element: Element) -> NDArray[np.float64]:
        """Return the numbers in an element's text.

        Raises:
            RecordError: It contains something else.
        """
        text, found, at = self.content(element), [np.empty(0)], 0
        while at < len(text):
            space = _SPACE.search(text, at + _PIECE)
            end = space.start() if space else len(text)
            try:
                found.append(np.array(text[at:end].split(), np.float64))
            except ValueError:
                raise RecordError(
                    f"{self.path.name}: expected numbers in <{element.name}>. Received other text. "
                    "Export the recording again."
                ) from None
            at = end
        return np.concatenate(found)

    def spliced(self, changes: Iterable[tuple[int, int, str]]) -> Iterator[bytes]:
        """Yield the document's bytes with other texts, ASCII, in some places `(start, end)`."""
        at = 0
        for start, end, text in sorted(changes):
            yield self._encoded(self.data[at:start])
            yield text.encode(self.encoding)
            at = end
        yield self._encoded(self.data[at:])

    def _encoded(self, data: bytes) -> bytes:
        return data.decode("utf-8").encode(self.wide) if self.wide else data

    def attribute(self, element: Element, name: str) -> tuple[int, int]:
        """Return the place of an attribute's value, without quotes.

        Raises:
            RecordError: The element has no such attribute.
        """
        tag = self.data[element.tag : element.tag + _START].decode(self.encoding, "replace")
        at = re.match(r"<[^\s>/]+", tag)
        while at and (at := _ATTRIBUTE.match(tag, at.end())):
            if _plain(at[1]) == name:
                ends = (at.start(2) + 1, at.end(2) - 1)
                start, end = (len(tag[:n].encode(self.encoding)) for n in ends)
                return element.tag + start, element.tag + end
        raise RecordError(
            f"{self.path.name}: expected the attribute {name} in <{element.name}>. Export the "
            "recording again."
        )

    def after(self, element: Element) -> int:
        """Return the place after an element's end tag, or after an empty element."""
        if not self.data.startswith("</".encode(self.encoding), element.end):
            return element.end
        close = ">".encode(self.encoding)
        return self.data.index(close, element.end) + len(close)


def read_xml(path: Path) -> Document:
    """Read a document.

    Raises:
        RecordError: It is no well-formed XML, too large, or defines entities.
    """
    check_file(path, most=MOST_BYTES)
    data, wide = _readable(path.read_bytes())
    parser = _parser(path, wide)
    builder = _Builder(parser, path)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    _parse(parser, data, True, path)
    return Document(builder.root.children[0], data, _encoding(data), path, wide)


def root_of(path: Path) -> str:
    """Return the name of a document's root element without prefix.

    Raises:
        RecordError: It is no XML, or defines entities.
    """
    check_file(path)
    with path.open("rb") as file:
        data, wide = _readable(file.read(_START), "ignore")
    parser = _parser(path, wide)
    names: list[str] = []
    parser.StartElementHandler = lambda name, attributes: names.append(_plain(name))
    try:
        _parse(parser, data, False, path)
    except RecordError:
        if not names:
            raise
    if not names:
        raise RecordError(f"{path.name} is no XML: it has no element. Export it again.")
    return names[0]


def base64_of(document: Document, element: Element) -> bytes:
    """Return the bytes that an element contains as base64.

    Raises:
        RecordError: It contains something else.
    """
    text = document.content(element)
    if _BASE64.fullmatch(text):
        try:
            return base64.b64decode(text)
        except ValueError:
            pass
    raise RecordError(
        f"{document.path.name}: expected base64 in <{element.name}>. Received other text. Export "
        "the recording again."
    )


def as_base64(document: Document, element: Element, data: bytes) -> str:
    """Return bytes as base64 with the line breaks of an element's text."""
    new, made, at = base64.b64encode(data), bytearray(), 0
    for piece in re.split(rb"(\s+)", document.content(element)):
        if piece.strip():
            made += new[at : at + len(piece)]
            at += len(piece)
        else:
            made += piece
    return (bytes(made) + new[at:]).decode()


def as_numbers(
    document: Document, element: Element, before: NDArray[Any], after: NDArray[Any]
) -> str:
    """Return whole numbers as text with the spaces and line breaks of an element's text.

    Numbers that did not change are written as they were.

    Args:
        document: The document.
        element: The element.
        before: The numbers in its text.
        after: The new numbers, as many.
    """
    text, made, at = document.content(element), bytearray(), 0
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    for found, kept, number in zip(
        _WORD.finditer(text), same.tolist(), after.tolist(), strict=True
    ):
        made += text[at : found.start()]
        made += found[0] if kept else b"%d" % number
        at = found.end()
    return (made + text[at:]).decode()


class _Builder:
    """Builds the tree of elements, of a text only its beginning."""

    def __init__(self, parser: Any, path: Path) -> None:
        self.root = Element("", {}, 0)
        self._open = [self.root]
        self._texts: list[list[str]] = [[]]
        self._parser, self._path, self._count = parser, path, 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) > DEEPEST:
            raise RecordError(
                f"{self._path.name}: expected at most {MOST_ELEMENTS:,} elements, {DEEPEST} deep. "
                "It is no recording, or malicious."
            )
        plain = {_plain(key): value for key, value in attributes.items()}
        element = Element(_plain(name), plain, self._parser.CurrentByteIndex)
        self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])

    def text(self, text: str) -> None:
        element, held = self._open[-1], self._texts[-1]
        if element.start < 0:
            element.start = self._parser.CurrentByteIndex
        if len(held) < LONGEST_TEXT:
            held.append(text[:LONGEST_TEXT])

    def end(self, name: str) -> None:
        element, text = self._open.pop(), "".join(self._texts.pop())
        element.end = self._parser.CurrentByteIndex
        element.text = text.strip() if len(text) <= LONGEST_TEXT else ""


def _readable(data: bytes, errors: str = "strict") -> tuple[bytes, str]:
    """Return a document's bytes, in UTF-8 if expat does not know their encoding, and that."""
    declared = _DECLARED.match(data)
    name = declared[1].decode("ascii").lower().replace("-", "_") if declared else ""
    if name not in _WIDE:
        return data, ""
    try:
        text = data.decode(name, errors)
    except UnicodeError:
        return data, ""  # expat names the encoding
    is_kept = errors != "strict" or text.encode(name) == data
    return (text.encode("utf-8"), name) if is_kept else (data, "")


def _parser(path: Path, wide: str) -> Any:
    parser = expat.ParserCreate("utf-8" if wide else None)

    def refuse(*_: object) -> int:
        raise RecordError(
            f"{path.name} defines entities or includes other files, which could read or fill the "
            "memory. Export it without them."
        )

    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    return parser


def _parse(parser: Any, data: bytes, last: bool, path: Path) -> None:
    try:
        parser.Parse(data, last)
    except EcgError:
        raise
    except expat.ExpatError as error:
        reason = f"{expat.ErrorString(error.code)} in line {error.lineno}"
    except (LookupError, ValueError):
        reason = "unknown encoding"
    else:
        return
    raise RecordError(f"{path.name} is no valid XML: {reason}. Export it again.")


def _encoding(data: bytes) -> str:
    if data[:2] == b"\xff\xfe" or data[1:2] == b"\0":
        return "utf-16-le"
    if data[:2] == b"\xfe\xff" or data[:1] == b"\0":
        return "utf-16-be"
    return "latin-1"


def _plain(name: str) -> str:
    return name.rpartition(":")[2]


def _no_plain(name: str, path: Path) -> RecordError:
    return RecordError(
        f"{path.name}: expected plain text in <{name}>. Received markup. Export the recording "
        "again."
    )
