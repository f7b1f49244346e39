"""The Huffman code of SCP-ECG (EN 1064, section 2 and annex C): one table of prefixes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_ENTRY = 9
_MOST_ENTRIES = 4096
_LONGEST = 32


@dataclass(frozen=True)
class Code:
    """An entry of a table.

    Attributes:
        prefix: Its bits, e.g. "110".
        value: The number that it stands for.
        more: Bits of the number that follow the prefix; 0 if the prefix stands for `value`.
    """

    prefix: str
    value: int
    more: int = 0


@dataclass(frozen=True)
class Huffman:
    """A table.

    Attributes:
        codes: Its entries.
    """

    codes: tuple[Code, ...]

    @cached_property
    def _by_prefix(self) -> dict[str, Code]:
        return {code.prefix: code for code in self.codes}

    @cached_property
    def _by_value(self) -> dict[int, str]:
        return {code.value: code.prefix for code in self.codes if not code.more}

    def decode(self, data: bytes, count: int) -> NDArray[np.int64]:
        """Return up to `count` numbers; fewer if the data end or contain no code."""
        bits = "".join(f"{byte:08b}" for byte in data)
        found: list[int] = []
        at, longest = 0, max(len(code.prefix) for code in self.codes)
        while len(found) < count:
            for length in range(1, longest + 1):
                code = self._by_prefix.get(bits[at : at + length])
                if code is not None and at + length <= len(bits):
                    break
            else:
                break
            at += length
            value = code.value
            if code.more:
                text = bits[at : at + code.more]
                if len(text) < code.more:
                    break
                value = int(text, 2) - (1 << code.more) * (text[0] == "1")
                at += code.more
            found.append(value)
        return np.array(found, np.int64)

    def encode(self, numbers: NDArray[np.int64]) -> bytes | None:
        """Return numbers as code, filled up with zeros to whole bytes; None if one has no code."""
        parts = []
        wide = sorted((code for code in self.codes if code.more), key=lambda code: code.more)
        for number in numbers.tolist():
            text = self._by_value.get(number)
            if text is None:
                code = next(
                    (c for c in wide if -(1 << c.more - 1) <= number < 1 << c.more - 1), None
                )
                if code is None:
                    return None
                text = code.prefix + f"{number % (1 << code.more):0{code.more}b}"
            parts.append(text)
        bits = "".join(parts)
        bits += "0" * (-len(bits) % 8)
        return int(f"1{bits}", 2).to_bytes(len(bits) // 8 + 1, "big")[1:]


def read_table(data: bytes) -> Huffman | None:
    """Return the table of a section 2, after its number of tables; None if it is of another kind.

    Args:
        data: The number of entries, and for each the bits of its prefix, all its bits, whether it
            is a number (1) or a change of tables (0), its number, and its prefix from the last bit.
    """
    count = struct.unpack_from("<H", data)[0] if len(data) >= 2 else 0
    if not 0 < count <= _MOST_ENTRIES or 2 + count * _ENTRY > len(data):
        return None
    codes = []
    for i in range(count):
        bits, every, mode, value, prefix = struct.unpack_from("<BBBhI", data, 2 + i * _ENTRY)
        if not 0 < bits <= every <= _LONGEST or mode != 1:
            return None
        codes.append(Code(f"{prefix:032b}"[::-1][:bits], value, every - bits))
    return Huffman(tuple(codes))


def _default() -> Huffman:
    """Return the default table: 0, then 1 and -1 to 8 and -8, then numbers of 8 and 16 bits."""
    codes = [Code("0", 0)]
    for value in range(1, 9):
        codes += [Code(f"1{'1' * (value - 1)}00", value), Code(f"1{'1' * (value - 1)}01", -value)]
    return Huffman((*codes, Code("1" * 9 + "0", 0, 8), Code("1" * 10, 0, 16)))


DEFAULT = _default()
