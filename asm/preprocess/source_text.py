"""Reads source files and splits them into statements: comments, strings, `;`, continuation lines.

Text is decoded as UTF-8 with `surrogateescape`, so that `text.encode("utf-8", "surrogateescape")` restores the
file's bytes, whatever they are.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from trapline.asm.diagnostics import Diagnostics, Expansion, Location, SourceError
from trapline.asm.preprocess.files_read import file_read

MAX_SOURCE_BYTES = 64 << 20
"""Largest source file, in bytes: a device or disk image given by mistake must not exhaust memory."""

WHITE = " \t\r\f\v"

Piece = tuple[str, Location]
"""A statement's text and its location."""

STRING = r'"(?:[^"\\]++|\\.)*+"'
CHARACTER = r"'(?:\\(?:x[0-9a-fA-F]+|[0-7]{1,3}|.)|[^\\])'?"

# A line that is a single statement or blank: it has no separator, comment or continuation.
whole_line = re.compile(
    rf"""(?:[^"'\#/;\\]++ | {STRING} | {CHARACTER} | /(?![*/]) | \\(?![ \t\r]*$))*+""", re.VERBOSE
).fullmatch

_token = re.compile(
    rf"""(?P<text>(?:[^"'\#/;\\]++ | {STRING} | {CHARACTER} | /(?![*/]) | \\(?![ \t\r]*$))++)
      | (?P<separator>;) | (?P<comment>\#|//) | (?P<block>/\*) | (?P<join>\\) | (?P<open>") | (?P<other>.)""",
    re.VERBOSE,
).match
_string_tail = re.compile(r'(?:[^"\\]++|\\.)*+("?)').match
_marker = re.compile(r'#[ \t]*(?:line[ \t]+)?(\d{1,9})[ \t]+"((?:[^"\\]++|\\.)*+)"((?:[ \t]+\d+)*)[ \t\r]*').fullmatch


class Text(NamedTuple):
    """A source in memory, with the name that messages use for it."""

    name: str
    text: str


def whole_file(name: str) -> Location:
    """The location of an error that concerns a whole file."""
    return Location(name, 0)


def read_source(path: Path, blame: Location | None = None) -> str:
    """The text of a source file.

    Raises SourceError, at `blame` (the `.include`) when given, for a file that is missing, a directory,
    unreadable, binary, or larger than `MAX_SOURCE_BYTES`.
    """
    where = blame or whole_file(str(path))
    file_read(path)

    def refuse(reason: str, hint: str | None = None) -> SourceError:
        return SourceError(where, f"'{path}' {reason}" if blame else reason, hint)

    try:
        # Opening must not block: a FIFO without a writer would wait forever. Reading must: a pipe such as the
        # shell's <(gcc -S ...) may have no data yet.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            if stat.S_ISDIR(os.fstat(file.fileno()).st_mode):
                raise IsADirectoryError(errno.EISDIR, "is a directory")
            if hasattr(os, "O_NONBLOCK"):  # not on Windows
                os.set_blocking(file.fileno(), True)
            data = file.read(MAX_SOURCE_BYTES + 1)
    except FileNotFoundError:
        raise refuse("no such file") from None
    except IsADirectoryError:
        raise refuse("is a directory, not a source file") from None
    except PermissionError:
        raise refuse("cannot be read: permission denied") from None
    except (OSError, ValueError) as error:
        raise refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_SOURCE_BYTES:
        raise refuse(f"is larger than {MAX_SOURCE_BYTES >> 20} MiB: not a source file")
    if kind := _binary_kind(data):
        raise refuse(f"is {kind}, not assembly source")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _binary_kind(data: bytes) -> str | None:
    if data.startswith(b"\x7fELF"):
        return "an ELF file"
    if data.startswith((b"!<arch>\n", b"!<thin>\n")):
        return "an archive"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text (save it as UTF-8)"
    # The parser deals with stray control characters; a file with more than one in thirty is not text.
    sample = data[:4096]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return "a binary file" if controls * 30 > len(sample) else None


_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1b")) + b"\x7f"


def find_file(name: str, beside: str, include_dirs: Sequence[Path]) -> Path | None:
    """The file that `.include "name"` or `.incbin "name"` means, or None.

    Searches the folder of the including file `beside`, then `include_dirs`, then the working directory.
    """
    for folder in (Path(beside).parent, *include_dirs, Path()):
        try:
            if (path := folder / name).exists():
                return path
        except (OSError, ValueError):  # a name too long, or with a NUL in it
            return None
    return None


class SourceText:
    """The statements of one source text; iterate over it once.

    file: the file name for messages; shift: what to add to a line's index for its number in messages. Line markers
    (`# 12 "file.c"`) and `.line` change both on the way.
    """

    def __init__(self, source: Text, diagnostics: Diagnostics, trail: tuple[Expansion, ...] = ()) -> None:
        self.name = source.name
        self.file = source.name
        self.shift = 1
        self.trail = trail
        self.index = 0
        self._included: list[tuple[Expansion, ...]] = []
        self._lines = source.text.replace("\r\n", "\n").split("\n")
        self._diagnostics = diagnostics

    def __iter__(self) -> Iterator[Piece]:
        lines = self._lines
        make, location_type, whole = tuple.__new__, Location, whole_line
        for index, line in enumerate(lines):
            if index < self.index:
                continue  # part of a comment or string over several lines
            if whole(line):
                if text := line.strip(WHITE):
                    self.index = index + 1
                    number, column = index + self.shift, line.index(text) + 1
                    # tuple.__new__ avoids the named tuple's argument handling, half the cost of a location.
                    yield text, make(location_type, (self.file, number, column, line, self.trail))
            elif line[0] == "#":
                self._comment_or_marker(line, index)
            else:
                pieces, self.index = self._split(index)
                for text, at, column in pieces:
                    yield text, Location(self.file, at + self.shift, column, lines[at], self.trail)

    def renumber(self, line: int, file: str | None = None) -> None:
        """Number the line after the current one `line`."""
        self.shift = line - self.index
        if file is not None:
            self.file = file

    def _comment_or_marker(self, line: str, index: int) -> None:
        """Obey a line marker of a preprocessor or compiler; anything else after `#` is a comment."""
        if not (marker := _marker(line)):
            return
        number, file, flags = int(marker[1]), re.sub(r"\\(.)", r"\1", marker[2]), marker[3].split()
        if "1" in flags:
            self._included.append(self.trail)
            here = Location(self.file, index + self.shift, 1, "", self.trail)
            self.trail = (Expansion(f"include '{file}'", here), *self.trail)
        elif "2" in flags and self._included:
            self.trail = self._included.pop()
        self.index = index + 1
        if number == 0 and not file:  # compilers end inline assembly this way: back to the file itself
            self.file, self.shift = self.name, 1
        else:
            self.renumber(number, file)

    def _split(self, index: int) -> tuple[list[tuple[str, int, int]], int]:
        """The statements from the line at `index` on, with line index and column, and the next line's index."""
        lines = self._lines
        pieces: list[tuple[str, int, int]] = []
        parts: list[str] = []
        line, start, at, position = lines[index], 0, index, 0

        def finish() -> None:
            text = "".join(parts)
            if stripped := text.strip(WHITE):
                pieces.append((stripped, at, start + len(text) - len(text.lstrip(WHITE)) + 1))

        while position < len(line):
            token = _token(line, position)
            assert token is not None  # its last alternative takes any character
            kind, begin, position = token.lastgroup, position, token.end()
            if kind == "text" or kind == "other":
                parts.append(token[0])
            elif kind == "separator":
                finish()
                parts, at, start = [], index, position
            elif kind == "comment":
                break
            elif kind == "join":
                parts.append(" " * (len(line) - begin))
                if index + 1 == len(lines):
                    break
                index, position = index + 1, 0
                line = lines[index]
            elif kind == "block":
                close = line.find("*/", position)
                if close >= 0:
                    parts.append(" " * (close + 2 - begin))
                    position = close + 2
                    continue
                end = next((i for i in range(index + 1, len(lines)) if "*/" in lines[i]), None)
                if end is None:
                    self._error(index, begin, "unterminated comment", "close it with '*/'")
                    index = len(lines)
                    break
                index, line = end, lines[end]
                position = line.index("*/") + 2
                if "".join(parts).strip(WHITE):
                    parts.append(" ")
                else:
                    parts, at, start = [], index, position
            else:  # an unterminated string continues on the next line, as in traditional C
                opened, text = index, line[begin:]
                while index + 1 < len(lines):
                    index, line = index + 1, lines[index + 1]
                    tail = _string_tail(line)
                    assert tail is not None
                    text += "\\n" + tail[0]
                    if tail[1]:
                        break
                else:
                    self._error(opened, begin, "unterminated string", "close it with '\"'")
                    return pieces, opened + 1
                self._warning(opened, begin, "unterminated string: the newline becomes part of it")
                parts.append(text)
                position = tail.end()
        finish()
        return pieces, index + 1

    def _error(self, index: int, position: int, message: str, hint: str) -> None:
        self._diagnostics.error(self._location(index, position), message, hint)

    def _warning(self, index: int, position: int, message: str) -> None:
        self._diagnostics.warning(self._location(index, position), message)

    def _location(self, index: int, position: int) -> Location:
        return Location(self.file, index + self.shift, position + 1, self._lines[index], self.trail)


def split_expanded(text: str, origin: Location, diagnostics: Diagnostics) -> list[Piece]:
    """The statements in a line after macro substitution, all located at `origin`'s line."""
    if whole_line(text):
        text = text.strip(WHITE)
        return [(text, Location(origin.file, origin.line, 1, text, origin.trail))] if text else []
    source = SourceText(Text(origin.file, text), diagnostics, origin.trail)
    source.shift = origin.line
    return [(piece, location._replace(line=origin.line)) for piece, location in source]
