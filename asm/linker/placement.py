"""Places sections, in the order and at the addresses of GNU ld's default script for elf32lriscv."""

from dataclasses import dataclass, field

from trapline.asm.sections import ALLOC, EXCLUDE, EXEC, MERGE, NOBITS, NOTE, PROGBITS, STRINGS, TLS, WRITE, Section
from trapline.isa.sv32 import PAGE

TEXT_SEGMENT = 0x10000

Table = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
"""Output sections, and which input sections go into each, in groups that follow each other."""

READ_ONLY: Table = (
    (".rela.dyn", ((".rela.dyn",),)),
    (".init", ((".init",),)),
    (".plt", ((".plt",),)),
    (".text", (
        (".text.unlikely", ".text.*_unlikely", ".text.unlikely.*"), (".text.exit", ".text.exit.*"),
        (".text.startup", ".text.startup.*"), (".text.hot", ".text.hot.*"), (".text.sorted.*",),
        (".text", ".stub", ".text.*", ".gnu.linkonce.t.*"),
    )),
    (".fini", ((".fini",),)),
    (".rodata", ((".rodata", ".rodata.*", ".gnu.linkonce.r.*"),)),
    (".rodata1", ((".rodata1",),)),
    (".sdata2", ((".sdata2", ".sdata2.*", ".gnu.linkonce.s2.*"),)),
    (".sbss2", ((".sbss2", ".sbss2.*", ".gnu.linkonce.sb2.*"),)),
    (".eh_frame", ((".eh_frame", ".eh_frame.*"),)),
    (".gcc_except_table", ((".gcc_except_table", ".gcc_except_table.*"),)),
)  # fmt: skip
WRITABLE: Table = (
    (".tdata", ((".tdata", ".tdata.*"),)),
    (".tbss", ((".tbss", ".tbss.*"),)),
    (".preinit_array", ((".preinit_array",),)),
    (".init_array", ((".init_array.*", ".ctors.*"), (".init_array", ".ctors"))),
    (".fini_array", ((".fini_array.*", ".dtors.*"), (".fini_array", ".dtors"))),
    (".data.rel.ro", ((".data.rel.ro.local*",), (".data.rel.ro", ".data.rel.ro.*"))),
    (".data", ((".data", ".data.*", ".gnu.linkonce.d.*"),)),
    (".data1", ((".data1",),)),
    (".got", ((".got",),)),
    (".sdata", (
        (".srodata.cst16",), (".srodata.cst8",), (".srodata.cst4",), (".srodata.cst2",), (".srodata", ".srodata.*"),
        (".sdata", ".sdata.*", ".gnu.linkonce.s.*"),
    )),
)  # fmt: skip
ZEROED: Table = (
    (".sbss", ((".sbss", ".sbss.*", ".gnu.linkonce.sb.*"),)),
    (".bss", ((".bss", ".bss.*", ".gnu.linkonce.b.*"), ("COMMON",))),
)


KEPT = (
    ".init", ".text", ".fini", ".eh_frame", ".preinit_array", ".init_array", ".fini_array", ".data", ".sdata", ".bss",
)  # fmt: skip
"""Output sections that ld keeps when they are empty, because its script says so or defines symbols in them."""
ARRAYS = (".preinit_array", ".init_array", ".fini_array")
"""Of these, those that ld loads even when they are empty: in a segment of their own, if nothing else is writable."""


@dataclass(eq=False)
class Output:
    """One section of the executable: its input sections, and its address.

    rank: its number in its table; with 1 behind it, that of the section which it follows as one of the same kind.
    """

    name: str
    inputs: list[Section] = field(default_factory=list)
    flags: int = 0
    type: int = 1
    alignment: int = 1
    entry_size: int = 0
    address: int = 0
    size: int = 0
    offset: int = 0
    rank: tuple[int, int] = (0, 0)

    def add(self, section: Section) -> None:
        """Append an input section."""
        self.inputs.append(section)
        self.alignment = max(self.alignment, section.alignment)
        mergeable = section.flags & self.flags & (MERGE | STRINGS) if len(self.inputs) > 1 else section.flags
        self.flags = (self.flags | section.flags) & ~(MERGE | STRINGS) | mergeable & (MERGE | STRINGS)
        if len(self.inputs) == 1:
            self.type, self.entry_size = section.type, section.entry_size
        elif section.type != NOBITS and self.type == NOBITS:
            self.type = section.type
        if section.entry_size != self.entry_size:
            self.entry_size = 0
            self.flags &= ~(MERGE | STRINGS)

    @property
    def filled(self) -> bool:
        """Whether it takes memory; known before it is placed."""
        return any(section.size for section in self.inputs)

    @property
    def is_thread_zeros(self) -> bool:
        """Whether it is a part of each thread's storage that begins as zeros, so that it takes no memory itself."""
        return bool(self.flags & TLS and self.type == NOBITS)

    def drop(self, sections: set[Section]) -> None:
        """Forget some of the inputs."""
        self.inputs = [s for s in self.inputs if s not in sections]
        self.alignment = max((s.alignment for s in self.inputs), default=1)

    def place(self, address: int) -> int:
        """Lay the inputs out from `address` on, aligned; returns the address after the last."""
        if self.name not in KEPT and not any(section.size for section in self.inputs):
            # ld drops it: labels in it lie here, and its alignment does not count.
            self.address, self.size = address, 0
            for section in self.inputs:
                section.address = address
            return address
        self.address = -(-address // self.alignment) * self.alignment
        end = self.address
        for section in self.inputs:
            section.address = -(-end // section.alignment) * section.alignment
            end = section.address + section.size
        self.size = end - self.address
        return end


def collect(sections: list[Section]) -> "Layout":
    """The output sections for `sections`, in order, without addresses."""
    layout = Layout([], [], [], [])
    left = list(sections)  # empty ones too: their alignment counts, and labels may be in them
    for home, table in ((layout.read_only, READ_ONLY), (layout.writable, WRITABLE), (layout.zeroed, ZEROED)):
        for number, (name, groups) in enumerate(table):
            output = Output(name, rank=(number, 0))
            for patterns in groups:
                for section in [s for s in left if _matches(s, patterns)]:
                    output.add(section)
                    left.remove(section)
            if output.inputs:
                (home if output.flags & ALLOC else layout.loose).append(output)
    orphans: dict[tuple[str, bool, int], Output] = {}
    for section in left:
        in_memory = bool(section.flags & ALLOC and not section.flags & EXCLUDE)
        key = (section.name, in_memory, section.type if section.type in (NOBITS, NOTE) else PROGBITS)
        orphans.setdefault(key, Output(section.name)).add(section)
    for (_, in_memory, _), output in orphans.items():
        if in_memory:
            _insert(layout, output)
        else:
            layout.loose.append(output)
    return layout


def _matches(section: Section, patterns: tuple[str, ...]) -> bool:
    return not section.flags & EXCLUDE and any(_fits(section.name, pattern) for pattern in patterns)


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern, which has one `*` at most, is this name's. `fnmatch` compiles it first, which takes longer."""
    head, star, tail = pattern.partition("*")
    return name.startswith(head) and name[len(head) :].endswith(tail) if star else name == pattern


def _insert(layout: "Layout", orphan: Output) -> None:
    """Put an output section that ld's script does not name behind those of its kind."""
    if orphan.type == NOTE:
        # Notes come first, those of greater alignment before the others.
        home = layout.read_only
        orphan.rank = (-1, 0)
        position = next(
            (i for i, o in enumerate(home) if o.rank != orphan.rank or o.alignment < orphan.alignment), len(home)
        )
        home.insert(position, orphan)
        return
    if orphan.flags & TLS:
        home, table, kind = layout.writable, WRITABLE, ".tdata"
    elif orphan.flags & WRITE and orphan.type == NOBITS:
        home, table, kind = layout.zeroed, ZEROED, ".bss"
    elif orphan.flags & WRITE:
        home, table, kind = layout.writable, WRITABLE, ".data"
    else:
        home, table, kind = layout.read_only, READ_ONLY, ".text" if orphan.flags & EXEC else ".rodata"
    orphan.rank = (_number(table, kind), 1)
    home.insert(sum(output.rank <= orphan.rank for output in home), orphan)


def _number(table: Table, name: str) -> int:
    return next(number for number, (title, _) in enumerate(table) if title == name)


@dataclass
class Layout:
    """Output sections in the order of their addresses, and the symbols that the linker script defines."""

    read_only: list[Output]
    writable: list[Output]
    zeroed: list[Output]
    loose: list[Output]
    symbols: dict[str, int] = field(default_factory=dict)
    start: int = 0
    data_start: int = 0
    headers: bool = True


def place(layout: Layout, header_size: int, text_base: int | None) -> None:
    """Give every output section its address. text_base: where .text starts, None for ld's default."""
    address = TEXT_SEGMENT + header_size if text_base is None else text_base
    layout.headers = text_base is None
    layout.start = TEXT_SEGMENT if text_base is None else text_base
    symbols = layout.symbols
    symbols["__executable_start"] = TEXT_SEGMENT
    for output in layout.read_only:
        if output.flags & EXEC or output.flags & ALLOC:
            address = output.place(address)
        if output.flags & EXEC:
            symbols["etext"] = symbols["_etext"] = symbols["__etext"] = address
    for name in ("etext", "_etext", "__etext"):
        symbols.setdefault(name, address)
    # ld's DATA_SEGMENT_ALIGN: the next page at the same offset, unless a page is saved by starting at a page.
    base = -(-address // PAGE) * PAGE + (address & (PAGE - 1))
    end = _place_data(layout, base)
    first, last = -base & (PAGE - 1), end & (PAGE - 1)
    if first and last and base & -PAGE != end & -PAGE and first + last <= PAGE:
        _place_data(layout, -(-address // PAGE) * PAGE)
    for output in layout.loose:
        output.place(0)


def load_segments(layout: Layout) -> list[list[Output]]:
    """The loaded sections by segment, as ld groups them: writable ones begin a segment unless they share a page.

    Thread-local zeros count as a section of no size; they are not loaded, and make no last segment alone.
    """
    groups: list[list[Output]] = []
    for output in (*layout.read_only, *layout.writable, *layout.zeroed):
        if not (output.size or output.name in ARRAYS):
            continue
        if groups:
            group = groups[-1]
            last = group[-1]
            end = last.address + (0 if last.is_thread_zeros else last.size)
            apart = -(-end // PAGE) < output.address // PAGE or output.address < end
            loaded_again = not last.flags & TLS and last.type == NOBITS and output.type != NOBITS
            turns_writable = output.flags & WRITE and not any(o.flags & WRITE for o in group)
            if not (apart or loaded_again or (turns_writable and (end - 1) // PAGE != output.address // PAGE)):
                group.append(output)
                continue
        groups.append([output])
    if groups and len(groups[-1]) == 1 and groups[-1][0].is_thread_zeros:
        del groups[-1]
    return groups


def note_segments(layout: Layout) -> list[list[Output]]:
    """The runs of adjacent notes of equal alignment: each has a program header."""
    groups: list[list[Output]] = []
    before: Output | None = None
    for output in (*layout.read_only, *layout.writable):
        if output.type == NOTE and output.size:
            if before is not None and before.type == NOTE and before.alignment == output.alignment:
                groups[-1].append(output)
            else:
                groups.append([output])
        before = output
    return groups


def _place_data(layout: Layout, address: int) -> int:
    """Place the writable sections from `address` on; returns the end."""
    symbols = layout.symbols
    layout.data_start = address
    arrays = list(ARRAYS)
    for name in arrays:
        symbols[f"__{name[1:]}_start"] = symbols[f"__{name[1:]}_end"] = address
    begins = {".data": "__DATA_BEGIN__", ".sdata": "__SDATA_BEGIN__"}
    pending = {_number(WRITABLE, name): symbol for name, symbol in begins.items()}
    for output in layout.writable:
        for number in [number for number in pending if output.rank > (number, 0)]:
            symbols[pending.pop(number)] = address  # that section has no contents
        if output.is_thread_zeros:
            output.place(address)
            address = output.address  # it takes no space, but its alignment counts
        else:
            address = output.place(address)
        if output.name in begins:
            symbols[begins[output.name]] = output.address
            pending.pop(output.rank[0])
        if output.name in arrays and output.filled:
            del arrays[: arrays.index(output.name)]
            symbols[f"__{output.name[1:]}_start"] = output.address
            symbols[f"__{output.name[1:]}_end"] = address
            del arrays[0]
        if output.name in (".tdata", ".tbss", ".preinit_array", ".init_array"):
            for name in arrays:  # sections without contents follow the previous one
                symbols[f"__{name[1:]}_start"] = symbols[f"__{name[1:]}_end"] = address
    for symbol in pending.values():
        symbols[symbol] = address
    symbols["_edata"] = symbols["edata"] = symbols["__bss_start"] = address
    for output in layout.zeroed:
        address = output.place(address)
        if output.name == ".bss" and output.filled:
            address = -(-address // 4) * 4
            output.size = address - output.address
    symbols["__BSS_END__"] = address
    # ld: MIN(__SDATA_BEGIN__ + 0x800, MAX(__DATA_BEGIN__ + 0x800, __BSS_END__ - 0x800))
    begin = symbols["__DATA_BEGIN__"]
    symbols["__global_pointer$"] = min(symbols["__SDATA_BEGIN__"] + 0x800, max(begin + 0x800, address - 0x800))
    address = -(-address // 4) * 4
    symbols["_end"] = symbols["end"] = address
    return address
