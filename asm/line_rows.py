"""The rows of the line table that one source asks for: by `.file` and `.loc`, or by `-g` for every instruction."""

import os
from collections.abc import Sequence

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.elf.line_program import FileName, Line
from trapline.asm.fragments import Fragment
from trapline.asm.sections import EXEC, Section

MOST_FILES = 1 << 16
"""Numbers of files that `.file` may give."""
FIRST_NUMBERED_FROM_0 = 5
"""The version of DWARF that has a file 0."""
PLAIN_VERSION = 3


def working_folder() -> str:
    """Where the assembler runs; empty where that folder is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


class LineRows:
    """Rows as they are asked for, in the order of the source.

    generated: whether every instruction gets one. prefix_map: (old, new) beginnings of folders' and files' names; the
    last that fits is replaced, as by GNU as's --debug-prefix-map. version: of the table, 3 or 5.
    """

    def __init__(self, generated: bool = False, prefix_map: Sequence[tuple[str, str]] = ()) -> None:
        self.explicit = False
        self.active = generated
        self.version = PLAIN_VERSION
        self.prefix_map = prefix_map
        self.files: dict[int, FileName] = {}
        self.rows: list[tuple[Section, Fragment, int, Line]] = []
        self._numbers: dict[str, int] = {}
        self._pending: Line | None = None
        self._statement = True
        self._before = ("", 0)

    def instruction(self, section: Section, location: Location) -> None:
        """Note that an instruction follows in a section. location: its statement's."""
        if self.explicit:
            if self._pending is not None:
                self._emit(section, self._pending)
            return
        # An instruction of a macro is on the line that invoked the outermost one; files included there are too.
        at = location.invocation or location
        if (at.file, at.line) == self._before:  # one row for all of a line, whatever the section: so does GNU as
            return
        self._before = at.file, at.line
        if section.flags & EXEC:
            number = self._numbers.setdefault(at.file, len(self._numbers) + 1)
            self.files.setdefault(number, FileName.of(self.mapped(at.file)))
            self.rows.append((section, *section.position(), Line(number, at.line)))

    def mapped(self, path: str) -> str:
        """A path with its beginning replaced."""
        for old, new in reversed(self.prefix_map):
            if path.startswith(old):
                return new + path[len(old) :]
        return path

    def table(self) -> dict[int, FileName]:
        """The files by number, without gaps: a number that has no name gets that of the first file."""
        first = self.files[min(self.files)]
        numbers = range(0 if self.version >= FIRST_NUMBERED_FROM_0 else 1, max(self.files) + 1)
        table = {number: self.files.get(number, first) for number in numbers}
        if 0 in table and not table[0].folder:
            table[0] = table[0]._replace(folder=self.folder)
        return table

    @property
    def folder(self) -> str:
        """Where the assembler runs."""
        return self.mapped(working_folder())

    # `.file` and `.loc`

    def number_file(self, number: int, file: FileName, location: Location) -> None:
        """`.file 1 "name"`. Raises SourceError for a number that has another name."""
        if not 0 <= number < MOST_FILES:
            raise SourceError(location, f"file number {number} is not in 0..{MOST_FILES - 1}")
        if not self.explicit:  # rows of the compiler take the place of generated ones, as in GNU as
            self.explicit = self.active = True
            self.rows, self.files = [], {}
        if self.files.setdefault(number, file) != file:
            raise SourceError(location, f"file number {number} is already '{self.files[number].path}'")
        if number == 0:
            self.version = FIRST_NUMBERED_FROM_0

    def locate(self, line: Line, statement: bool | None, section: Section, location: Location) -> None:
        """`.loc`: where the next instruction comes from. statement: None for as before. Raises SourceError."""
        if line.file not in self.files or not self.explicit:
            raise SourceError(location, f"file number {line.file} has no name", f"write '.file {line.file} \"name\"'")
        if self._pending is not None:
            self._emit(section, self._pending)  # two in a row: the first gets a row without an instruction
        if statement is not None:
            self._statement = statement
        self._pending = line._replace(statement=self._statement)

    def _emit(self, section: Section, line: Line) -> None:
        self.rows.append((section, *section.position(), line))
        self._pending = None
