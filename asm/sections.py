"""Sections of one source: their fragments, and where each lies."""

from dataclasses import dataclass, field

from trapline.asm.diagnostics import Location
from trapline.asm.elf.format import (
    SHF_ALLOC,
    SHF_EXCLUDE,
    SHF_EXECINSTR,
    SHF_GNU_RETAIN,
    SHF_GROUP,
    SHF_LINK_ORDER,
    SHF_MERGE,
    SHF_STRINGS,
    SHF_TLS,
    SHF_WRITE,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PREINIT_ARRAY,
    SHT_PROGBITS,
    SHT_RELA,
    SHT_RISCV_ATTRIBUTES,
)
from trapline.asm.fragments import Align, Data, Evaluate, Fragment

ALLOC, WRITE, EXEC, TLS = SHF_ALLOC, SHF_WRITE, SHF_EXECINSTR, SHF_TLS
MERGE, STRINGS, GROUP = SHF_MERGE, SHF_STRINGS, SHF_GROUP
LINK_ORDER, RETAIN, EXCLUDE = SHF_LINK_ORDER, SHF_GNU_RETAIN, SHF_EXCLUDE
PROGBITS, NOBITS, RELA, NOTE, ATTRIBUTES = SHT_PROGBITS, SHT_NOBITS, SHT_RELA, SHT_NOTE, SHT_RISCV_ATTRIBUTES
INIT_ARRAY, FINI_ARRAY, PREINIT_ARRAY = SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY


@dataclass(eq=False)
class Section:
    """One section of one source: its fragments by subsection, then in the order written.

    lines: where each instruction begins, and the statement that it comes from; data_lines: the same of data in code.
    """

    name: str
    flags: int
    type: int
    entry_size: int = 0
    group: str | None = None
    alignment: int = 1
    stated_alignment: int = 1  # by directives alone, to which GNU as pads the end
    subsections: dict[int, list[Fragment]] = field(default_factory=dict)
    current: int = 0
    fragments: list[Fragment] = field(default_factory=list)
    size: int = 0
    address: int = 0
    padding: int = 0
    blank_end: bool = True
    lines: list[tuple[Fragment, int, Location]] = field(default_factory=list)
    data_lines: list[tuple[Fragment, int, Location]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subsections[0] = []

    @property
    def open(self) -> list[Fragment]:
        """The fragments of the current subsection."""
        return self.subsections.setdefault(self.current, [])

    def data(self) -> Data:
        """The data fragment at the end of the current subsection, added if necessary."""
        fragments = self.subsections.get(self.current) or self.open
        if fragments and type(last := fragments[-1]) is Data:
            return last
        fragments.append(data := Data(len(fragments)))
        return data

    def position(self) -> tuple[Fragment, int]:
        """The end of the current subsection: a fragment and an offset in it."""
        data = self.data()
        return data, len(data.data)

    def start(self) -> tuple[Fragment, int]:
        """The start of the section: a fragment and an offset in it."""
        fragments = next((self.subsections[n] for n in sorted(self.subsections) if self.subsections[n]), None)
        return (fragments[0], 0) if fragments else self.position()

    def add(self, fragment: Fragment) -> None:
        """Append a fragment made with index len(self.open)."""
        self.open.append(fragment)

    def fixed_distance(self, start: Fragment, end: Fragment) -> int | None:
        """Bytes from the start of one fragment to the start of another, None if layout can change that."""
        if start is end:
            return 0
        for fragments in self.subsections.values():
            if start.index < len(fragments) and fragments[start.index] is start:
                if end.index >= len(fragments) or fragments[end.index] is not end:
                    return None
                if start.index > end.index:
                    distance = self.fixed_distance(end, start)
                    return None if distance is None else -distance
                total = 0
                for fragment in fragments[start.index : end.index]:
                    size = fragment.fixed_size()
                    if size is None:
                        return None
                    total += size
                return total
        return None

    def finish(self, relax: bool = True) -> None:
        """Concatenate the subsections. relax: whether relaxation is on at the end of the source."""
        self.blank_end = relax
        self.fragments = [f for number in sorted(self.subsections) for f in self.subsections[number]]
        offset = 0
        for fragment in self.fragments:
            fragment.offset = offset
            offset += len(fragment.data) if type(fragment) is Data else 0
            if type(fragment) is Align:
                fragment.blank = relax

    @property
    def rigid(self) -> bool:
        """Whether the size of every fragment is known before layout."""
        return all(type(f) is Data or (type(f) is Align and f.relaxed) for f in self.fragments)

    def estimate(self, evaluate: Evaluate) -> None:
        """Give each fragment the offset that GNU as begins a pass with."""
        offset = 0
        for fragment in self.fragments:
            fragment.offset = offset
            offset += fragment.estimate(evaluate)

    def lay_out(self, evaluate: Evaluate) -> bool:
        """Give each fragment its offset in GNU as's object file. True if something moved.

        Alignments that ld will shorten have their longest form here, and everything else is sized by that: an
        `.org` after one ends up lower than it says once ld is done.
        """
        offset = 0
        moved = False
        for fragment in self.fragments:
            if fragment.offset != offset:
                fragment.offset = offset
                moved = True
            offset += fragment.measure(evaluate)
        if offset != self.size:
            self.size = offset
            moved = True
        return moved

    def settle(self) -> None:
        """Give each fragment its offset after ld."""
        offset = 0
        for fragment in self.fragments:
            fragment.offset = offset
            offset += fragment.settled()
        self.padding = self._end_padding(offset)
        self.size = offset + self.padding

    def _end_padding(self, size: int) -> int:
        """Padding bytes that GNU as and ld leave at the end.

        GNU as pads code to its alignment while every alignment in it still has its longest form, and ld shortens
        those later.
        """
        if not self.flags & EXEC:
            return 0
        deleted = 0
        for fragment in self.fragments:
            if type(fragment) is Align and fragment.relaxed:
                deleted += fragment.deletable - fragment.padding
        return -(size + deleted) % self.stated_alignment
