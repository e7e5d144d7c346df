"""Places sections, in the order and at the addresses of GNU ld's default script for elf32lriscv."""

import fnmatch
from dataclasses import dataclass, field

from trapline.asm.sections import ALLOC, EXEC, MERGE, NOBITS, NOTE, STRINGS, TLS, WRITE, Section
from trapline.isa.sv32 import PAGE

TEXT_SEGMENT = 0x10000

READ_ONLY: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (".rela.dyn", ((".rela.dyn",),)),
    (".init", ((".init",),)),
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
WRITABLE: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
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
ZEROED: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (".sbss", ((".sbss", ".sbss.*", ".gnu.linkonce.sb.*"),)),
    (".bss", ((".bss", ".bss.*", ".gnu.linkonce.b.*"), ("COMMON",))),
)


@dataclass(eq=False)
class Output:
    """One section of the executable: its input sections, and its address."""

    name: str
    inputs: list[Section] = field(default_factory=list)
    flags: int = 0
    type: int = 1
    alignment: int = 1
    entry_size: int = 0
    address: int = 0
    size: int = 0
    offset: int = 0

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

    def drop(self, sections: set[Section]) -> None:
        """Forget some of the inputs."""
        self.inputs = [s for s in self.inputs if s not in sections]
        self.alignment = max((s.alignment for s in self.inputs), default=1)

    def place(self, address: int) -> int:
        """Lay the inputs out from `address` on, aligned; returns the address after the last."""
        self.address = -(-address // self.alignment) * self.alignment
        end = self.address
        for section in self.inputs:
            section.address = -(-end // section.alignment) * section.alignment
            end = section.address + section.size
        self.size = end - self.address
        return end


def collect(sections: list[Section]) -> "Layout":
    """The output sections for `sections`, in order, without addresses."""
    left = list(sections)  # empty ones too: their alignment counts
    result: list[list[Output]] = []
    empty: list[Empty] = []
    for table in (READ_ONLY, WRITABLE, ZEROED):
        outputs: list[Output] = []
        for name, groups in table:
            output = Output(name)
            for patterns in groups:
                matched = [s for s in left if s.flags & ALLOC and any(fnmatch.fnmatchcase(s.name, p) for p in patterns)]
                for section in matched:
                    output.add(section)
                    left.remove(section)
            if any(s.size for s in output.inputs):
                outputs.append(output)
            elif output.inputs:
                empty.append((output.inputs, outputs, len(outputs)))
        result.append(outputs)
    read_only, writable, zeroed = result
    loose: list[Output] = []
    for section in left:
        if not section.flags & ALLOC:
            home = loose
        elif section.flags & EXEC:
            home = read_only
        elif section.flags & WRITE:
            home = zeroed if section.type == NOBITS else writable
        else:
            home = read_only
        existing = next((o for o in home if o.name == section.name), None)
        if existing is None and not section.size:
            empty.append(([section], home, len(home)))
            continue
        if existing is None:
            existing = Output(section.name)
            position = _orphan_position(home, section)
            home.insert(position, existing)
        existing.add(section)
    return Layout(read_only, writable, zeroed, loose, empty)


def _orphan_position(home: list[Output], section: Section) -> int:
    """After the last output section of the same kind, as ld puts sections that its script does not name."""
    if section.flags & EXEC:
        return max((i + 1 for i, o in enumerate(home) if o.flags & EXEC), default=0)
    if section.flags & WRITE and section.type != NOBITS:
        # After .data and similar sections, before later ones of the table.
        later = {".data1", ".got", ".sdata"}
        return next((i for i, o in enumerate(home) if o.name in later), len(home))
    if section.flags & ALLOC and not section.flags & WRITE and section.type == NOTE:
        # Notes come first, those of greater alignment before the others.
        return next((i for i, o in enumerate(home) if o.type != NOTE or o.alignment < section.alignment), len(home))
    return len(home)


Empty = tuple[list[Section], list[Output], int]
"""Empty sections, which labels may be in: they lie before the output section of this index in a list."""


@dataclass
class Layout:
    """Output sections in the order of their addresses, and the symbols that the linker script defines."""

    read_only: list[Output]
    writable: list[Output]
    zeroed: list[Output]
    loose: list[Output]
    empty: "list[Empty]" = field(default_factory=list)
    symbols: dict[str, int] = field(default_factory=dict)
    start: int = 0
    data_start: int = 0
    headers: bool = True


def place(layout: Layout, header_size: int, text_base: int | None) -> None:
    """Give every output section its address. text_base: where .text starts, None for ld's default."""
    address = TEXT_SEGMENT + header_size if text_base is None else text_base
    first_address = address
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
    starts = {id(layout.read_only): first_address, id(layout.writable): layout.data_start}
    starts[id(layout.zeroed)] = symbols["__bss_start"]
    for sections, outputs, index in layout.empty:
        before = outputs[index - 1] if index else None
        for section in sections:
            section.address = before.address + before.size if before else starts.get(id(outputs), 0)


def load_segments(layout: Layout) -> list[list[Output]]:
    """The loaded sections by segment, as ld groups them: writable ones begin a segment unless they share a page."""
    groups: list[list[Output]] = []
    for output in (*layout.read_only, *layout.writable, *layout.zeroed):
        if not output.size or (output.flags & TLS and output.type == NOBITS):
            continue
        if groups:
            group = groups[-1]
            last = group[-1]
            end = last.address + last.size
            apart = -(-end // PAGE) < output.address // PAGE or output.address < end
            loaded_again = last.type == NOBITS and output.type != NOBITS
            turns_writable = output.flags & WRITE and not any(o.flags & WRITE for o in group)
            if not (apart or loaded_again or (turns_writable and (end - 1) // PAGE != output.address // PAGE)):
                group.append(output)
                continue
        groups.append([output])
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
    sdata_begin = None
    arrays = [".preinit_array", ".init_array", ".fini_array"]
    for name in arrays:
        symbols[f"__{name[1:]}_start"] = symbols[f"__{name[1:]}_end"] = address
    for output in layout.writable:
        if output.flags & TLS and output.type == NOBITS:
            output.place(address)
            address = output.address  # it takes no space, but its alignment counts
        else:
            address = output.place(address)
        if output.name == ".data":
            symbols["__DATA_BEGIN__"] = output.address
        if output.name == ".sdata":
            sdata_begin = output.address
        if output.name in arrays:
            del arrays[: arrays.index(output.name)]
            symbols[f"__{output.name[1:]}_start"] = output.address
            symbols[f"__{output.name[1:]}_end"] = address
            del arrays[0]
        if output.name in (".tdata", ".tbss", ".preinit_array", ".init_array"):
            for name in arrays:  # sections without contents follow the previous one
                symbols[f"__{name[1:]}_start"] = symbols[f"__{name[1:]}_end"] = address
    symbols.setdefault("__DATA_BEGIN__", address)
    symbols["__SDATA_BEGIN__"] = address if sdata_begin is None else sdata_begin
    symbols["_edata"] = symbols["edata"] = symbols["__bss_start"] = address
    for output in layout.zeroed:
        address = output.place(address)
        if output.name == ".bss":
            address = -(-address // 4) * 4
            output.size = address - output.address
    symbols["__BSS_END__"] = address
    # ld: MIN(__SDATA_BEGIN__ + 0x800, MAX(__DATA_BEGIN__ + 0x800, __BSS_END__ - 0x800))
    begin = symbols["__DATA_BEGIN__"]
    symbols["__global_pointer$"] = min(symbols["__SDATA_BEGIN__"] + 0x800, max(begin + 0x800, address - 0x800))
    address = -(-address // 4) * 4
    symbols["_end"] = symbols["end"] = address
    return address
