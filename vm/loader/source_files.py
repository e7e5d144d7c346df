"""The text of the sources that a program's lines come from, where their files are found.

Their names come from the program, which is untrusted: only regular files of bounded size are opened.
"""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

MAX_SOURCE = 16 << 20
"""Longest source that is read, in bytes; a longer one counts as not found."""


class SourceFiles:
    """Sources by name. texts: those that are in no file; folders: where relative names are looked for last."""

    def __init__(self, texts: Mapping[str, str] | None = None, folders: Sequence[str | os.PathLike[str]] = ()) -> None:
        self._texts = dict(texts or {})
        self._folders = [Path(folder) for folder in folders]
        self._lines: dict[tuple[str, str], list[str] | None] = {}

    def lines(self, file: str, folder: str = "") -> list[str] | None:
        """The lines of a source, without their ends; None where it is not found.

        file: as a row of a line table has it; folder: the row's, which a relative name is looked for in first.
        """
        key = file, folder
        if key not in self._lines:
            self._lines[key] = self._find(file, folder)
        return self._lines[key]

    def line(self, file: str, number: int, folder: str = "") -> str | None:
        """One line of a source, counted from 1; None where the source is not found, or shorter."""
        lines = self.lines(file, folder)
        return lines[number - 1] if lines is not None and 0 < number <= len(lines) else None

    def _find(self, file: str, folder: str) -> list[str] | None:
        if file in self._texts:
            return self._texts[file].removesuffix("\n").split("\n")
        for path in self._candidates(file, folder):
            text = _text(path)
            if text is not None:
                return text.removesuffix("\n").split("\n")
        return None

    def _candidates(self, file: str, folder: str) -> Iterable[Path]:
        """Where a source may be: where it was, in the folder of this process, and in those that were given."""
        if "\0" in file or "\0" in folder:
            return
        yield Path(folder, file)  # of an absolute name, itself
        yield Path(file)
        for other in self._folders:
            yield Path(other, file)
            yield Path(other, Path(file).name)


def _text(path: Path) -> str | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SOURCE:
            return None
        with path.open("rb") as file:
            data = file.read(status.st_size)  # no more: what the system makes up as it is read has a size of 0
        return data.decode(errors="replace").replace("\r\n", "\n")
    except (OSError, ValueError):
        return None
