"""What a debugger asks of programs: where an address is in the sources, and which addresses a line or a symbol has.

    lines = SourceLines([load_file("kernel"), load_file("init")])
    str(lines.place(0x80000010))          # 0x80000010 <main+4> (main.c:3)
    [p.address for p in lines.find("main.c:3")]
    while pc in lines.line_range(pc): ...  # step by source line

Addresses are virtual ones, as the programs are linked; a physical address of a kernel that is linked elsewhere is
understood too. An address of several programs is that of the first.
"""

import bisect
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from trapline.asm.elf.call_frames import Unwinding
from trapline.asm.elf.line_table import Row
from trapline.vm.loader.functions import Function
from trapline.vm.loader.image import EXECUTE, Image
from trapline.vm.loader.locations import FileLine, LocationError, Number, RelativeLine, SymbolOffset, parse_location
from trapline.vm.loader.source_files import SourceFiles

ADDRESSES = 0xFFFFFFFF


class Place(NamedTuple):
    """An address as the sources have it; what is not known is empty, 0 or None.

    symbol, offset: the symbol before it and the bytes from there on. file, line: the source line, counted from 1; in a
    macro, where the outermost one is used. expansion: where in a macro it is. text: the line itself, None where the
    file is not found.
    folder: where a relative `file` begins. program: the image's name, empty outside of every program.
    All text is the program's, which may put anything into it.
    """

    address: int
    symbol: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0
    expansion: str = ""
    text: str | None = None
    folder: str = ""
    program: str = ""

    @property
    def named(self) -> str:
        """`0x80000010 <main+4>`, or the address alone."""
        if not self.symbol:
            return f"{self.address:#010x}"
        return f"{self.address:#010x} <{self.symbol}{f'+{self.offset}' if self.offset else ''}>"

    @property
    def source(self) -> str:
        """`main.c:3`, with the line of the macro that is expanded there; empty where it is not known."""
        if not self.file:
            return ""
        return f"{self.file}:{self.line}" + (f", {self.expansion}" if self.expansion else "")

    def __str__(self) -> str:
        return self.named + (f" ({self.source})" if self.file else "")


class SourceLines:
    """Sources and symbols of programs that are in memory together, such as a kernel and a user program.

    images: in the order in which they are asked. folders: where sources are looked for, after the places that the
    programs name. Line tables are read when they are first asked for.
    """

    def __init__(self, images: Image | Iterable[Image], folders: Sequence[str | os.PathLike[str]] = ()) -> None:
        self.images = [images] if isinstance(images, Image) else list(images)
        texts = {name: text for image in reversed(self.images) for name, text in image.texts.items()}
        self.sources = SourceFiles(texts, folders)
        self._programs = [_Program(image) for image in self.images]

    def place(self, address: int) -> Place:
        """What an address is: symbol, file and line as far as they are known."""
        program, linked = self._program_at(address)
        if program is None:
            return Place(address)
        symbol, offset = program.image.symbol_before(linked) or ("", 0)
        place = Place(address, symbol, offset, program=program.image.name)
        row = program.row(linked)
        return place if row is None else self._in_source(place, row)

    def _in_source(self, place: Place, row: Row) -> Place:
        file, line = row.source
        text = self.sources.line(file, line, row.folder)
        expansion = f"in a macro at {row.file}:{row.line}" if row.invoked else ""
        return place._replace(file=file, line=line, expansion=expansion, text=text, folder=row.folder)

    def line_range(self, address: int) -> range:
        """The addresses around one that belong to the same source line without interruption; empty if none do.

        A step by source line goes on while pc is in it.
        """
        program, linked = self._program_at(address)
        found = range(0) if program is None else program.line_range(linked)
        return range(found.start + address - linked, found.stop + address - linked)

    def next_line_address(self, address: int) -> int | None:
        """The first address behind this one where another line begins; None behind the last of the function.

        Where labels have no extent (no `.size`), behind the last of the section.
        """
        program, linked = self._program_at(address)
        if program is None:
            return None
        found = program.next_line(linked)
        return None if found is None else found + address - linked

    def function(self, address: int) -> Function | None:
        """The function that holds an address: what the file calls one, else from the symbol before to the next."""
        program, linked = self._program_at(address)
        found = None if program is None else program.image.function_at(linked)
        if found is None:
            return None
        return found._replace(start=found.start + address - linked, end=found.end + address - linked)

    def begins_statement(self, address: int) -> bool:
        """Whether a line begins here as far as the line table recommends a place to stop."""
        program, linked = self._program_at(address)
        return program is not None and program.begins_statement(linked)

    def unwinding(self, address: int) -> Unwinding | None:
        """The way to the caller of the instruction at an address, as the program's tables have it."""
        program, linked = self._program_at(address)
        return None if program is None else program.image.call_frames.find(linked)

    @cached_property
    def files(self) -> list[str]:
        """The sources that have code, by name."""
        return sorted({file for program in self._programs for file in program.files})

    def addresses(self, file: str, line: int) -> list[int]:
        """The addresses that a breakpoint on a line needs, ascending; empty where the line has no code.

        file: as the line table has it, or the end of that name from a slash on. These are the first statements of the
        line, one in each function or block that has it, as gdb has them.
        """
        return sorted({row.start for program in self._programs for name in program.named(file)
                       for row in program.statements(name, line)})  # fmt: skip

    def line_with_code(self, file: str, line: int) -> int | None:
        """The first line from this one on that has code, None behind the last."""
        numbers = [number for program in self._programs for name in program.named(file)
                   for number in program.files[name] if number >= line]  # fmt: skip
        return min(numbers, default=None)

    def find(self, text: str, at: int | None = None) -> list[Place]:
        """The places that a location names, by ascending address; at least one. Raises LocationError.

        `LINE`, `FILE:LINE`: a line, or the next one that has code. `+N`, `-N`: lines from the current one.
        A line in a macro, of a source that is run directly, is every use of it.
        `SYMBOL`, `SYMBOL+4`, `FILE:SYMBOL`. `*ADDRESS`, where an address is a number, or a symbol with a number added
        or subtracted; `0x80000000` is an address without the star.
        at: the current pc, whose file is that of `LINE`; without it, that of `main`, else that of the entry.
        """
        match parse_location(text, self._is_symbol):
            case Number(value):
                found = [value]
            case SymbolOffset(name, offset, file):
                found = [address + offset & ADDRESSES for address in self._symbol(name, file)]
            case RelativeLine(distance):
                place = self._current(at)
                return self._line(place.file, place.line + distance)
            case FileLine(file, line):
                return self._line(file or self._current(at).file, line)
        return [self.place(address) for address in sorted(set(found))]

    def address(self, text: str, at: int | None = None) -> int:
        """The one address that a location names (see `find`). Raises LocationError, also for several."""
        places = self.find(text, at)
        if len(places) > 1:
            raise LocationError(f"'{text}' has {len(places)} addresses: {', '.join(map(str, places[:8]))}")
        return places[0].address

    def _program_at(self, address: int) -> tuple["_Program | None", int]:
        """The program that holds an address, and the address as it is linked."""
        for program in self._programs:
            if program.image.segment_at(address) is not None:
                return program, address
        for program in self._programs:
            linked = program.image.linked_address(address)
            if linked is not None:
                return program, linked
        return None, address

    def _is_symbol(self, name: str) -> bool:
        return any(name in program.image.symbols for program in self._programs)

    def _symbol(self, name: str, file: str) -> list[int]:
        """The addresses of the symbols of a name, of those in a file if one is given."""
        found = [(p, a) for p in self._programs for a in p.image.addresses_of(name)]
        if not found:
            raise LocationError(f"no symbol '{name}'", name, (n for p in self._programs for n in p.image.symbols))
        if not file:
            return [address for _, address in found]
        self._check_file(file)
        inside = [a for p, a in found if (row := p.row(a)) is not None and row.file in p.named(file)]
        if not inside:
            raise LocationError(f"'{name}' is not in {file}, but at {self.place(found[0][1])}")
        return inside

    def _current(self, at: int | None) -> Place:
        """The place whose file a line without one belongs to."""
        starts = [a for p in self._programs for a in (*p.image.addresses_of("main"), p.image.entry)]
        for address in starts if at is None else [at]:
            place = self.place(address)
            if place.file:
                return place
        if not self.files:
            raise LocationError(_NO_LINES)
        where = "the current place" if at is None else str(self.place(at))
        raise LocationError(f"{where} has no source line: name the file too, as FILE:LINE")

    def _line(self, file: str, line: int) -> list[Place]:
        """The places of a line, which may share their addresses with others, or of the next one that has code."""
        self._check_file(file)
        number = self.line_with_code(file, line) if line > 0 else None
        if number is None:
            last = max(n for p in self._programs for name in p.named(file) for n in p.files[name])
            raise LocationError(f"{file} has no code in line {line} or behind it: the last line with code is {last}")
        found = []
        for program in self._programs:
            for row in (row for name in program.named(file) for row in program.statements(name, number)):
                found.append(self._in_source(self.place(row.start), row))
        return sorted(found, key=lambda place: place.address)

    def _check_file(self, file: str) -> None:
        if not self.files:
            raise LocationError(_NO_LINES)
        if not any(program.named(file) for program in self._programs):
            short = (name.rpartition("/")[2] for name in self.files)
            raise LocationError(f"no code comes from a file '{file}'", file, [*short, *self.files])


_NO_LINES = "the program has no line table: assemble or compile it with -g"


class _Program:
    """The lines of one image, by address and by number."""

    def __init__(self, image: Image) -> None:
        self.image = image

    @cached_property
    def files(self) -> dict[str, dict[int, list[Row]]]:
        """The rows of each line of each file, of those in code, by address."""
        found: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in self.image.lines.rows:
            segment = self.image.segment_at(row.start)
            if row.statement and row.line and segment is not None and segment.flags & EXECUTE:
                for file, line in {(row.file, row.line), row.source}:  # of a macro, both lines may be meant
                    found[file][line].append(row)
        return {file: dict(lines) for file, lines in found.items()}

    def named(self, file: str) -> list[str]:
        """The files that a name stands for: one of exactly this name, else all that end so."""
        if file in self.files:
            return [file]
        return [name for name in self.files if name.endswith(f"/{file}")] if file else []

    def statements(self, file: str, line: int) -> list[Row]:
        """The first row of a line in each block that has it; of a line of a macro, in each place that uses it."""
        first: dict[object, Row] = {}
        for row in self.files[file].get(line, ()):
            number = self.image.blocks.find(row.start)
            block = self.image.functions.find(row.start) if number is None else number
            first.setdefault((block, None if row.source == (file, line) else row.source), row)
        return list(first.values())

    def row(self, address: int) -> Row | None:
        index = self.image.lines.index(address)
        return None if index is None else self.image.lines.rows[index]

    def begins_statement(self, address: int) -> bool:
        """Whether one of the rows that begin here, of the line of the one that counts, is a statement."""
        rows, index = self.image.lines.rows, self.image.lines.index(address)
        if index is None:
            return False
        source = rows[index].source
        while index >= 0 and rows[index].start == address:
            if rows[index].statement and rows[index].source == source:
                return True
            index -= 1
        return False

    def line_range(self, address: int) -> range:
        """The rows around an address that follow each other and are of its line."""
        rows, index = self.image.lines.rows, self.image.lines.index(address)
        if index is None:
            return range(0)
        source = rows[index].source
        first = last = index
        start, end = rows[index].start, rows[index].end
        while first > 0 and rows[first - 1].end == start and rows[first - 1].source == source:
            first -= 1
            start = rows[first].start
        while last + 1 < len(rows) and rows[last + 1].start <= end and rows[last + 1].source == source:
            last += 1
            end = max(end, rows[last].end)
        return range(start, end)

    def next_line(self, address: int) -> int | None:
        """The first statement of another line behind an address, in the same function and section."""
        function = self.image.functions.find(address)
        ends = [function.end] if function else []
        ends += [section.end for section in self.image.code if section.start <= address < section.end]
        end = min(ends, default=address)
        rows = self.image.lines.rows
        row = self.row(address)
        index = bisect.bisect_right(rows, address, key=lambda row: row.start)
        while index < len(rows) and rows[index].start < end:
            if rows[index].statement and (row is None or rows[index].source != row.source):
                return rows[index].start
            index += 1
        return None
