"""A region as a function of LLVM IR, which keeps the guest's registers in values of its own.

It is called as the first tier's code is, with the same pinned values (`vm.translator.stencil_text`), in which `place`
is the parcel that it is entered at, and it ends as that does: with a tail call of a block of the first tier, or of OUT.
It loads the registers when it is entered and stores those that it writes before it ends; a large one at once.
What it does not know yet are the symbols in SYMBOLS.
"""

from collections.abc import Iterable, Mapping

from trapline.isa import Instruction, Kind
from trapline.isa.sv32 import PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.word import HALFWORD
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, PACKED_RS2, REGISTER, STRICT
from trapline.vm.translator.flow import NOWHERE, rd_of
from trapline.vm.translator.layout import BRANCH, DIRECT, INDIRECT, REGISTER_BYTES
from trapline.vm.translator.lower import WORD_BITS
from trapline.vm.translator.meaning_ir import lower
from trapline.vm.translator.regions.accesses import groups
from trapline.vm.translator.regions.formation import Block, Region, Step
from trapline.vm.translator.regions.lines import Lines
from trapline.vm.translator.regions.lookups import functions
from trapline.vm.translator.regions.metadata import ENTRIES, METADATA, RAM, RARELY, REGISTERS, USUALLY
from trapline.vm.translator.regions.places import Places
from trapline.vm.translator.stencil_builder import PINNED, POINTER

CONVENTION = "ghccc"
MAP = "MAP"
"""The page's table of entries."""
COUNTS = "COUNTS"
"""Two words: the steps that regions have done, and how often they were entered."""
EXIT = "EXIT"
"""OUT of `vm.translator.layout`."""
CHAIN = "CHAIN"
"""CHAIN of `vm.translator.layout`."""
REGION = "region"
LARGE = 12
"""Blocks from which on a region is large: registers are stored as they are written, and slots are kept in memory.

Values that all blocks have to hand on, because all of them can end the region, take LLVM time by the square.
"""

_ATTRIBUTES = 'nounwind noimplicitfloat "no-jump-tables"="true"'
"""All that is made is code: no tables, and no constants that are loaded."""

_PARAMETERS = ", ".join(f"i64 %{name}" for name in PINNED)


def entry_name(leader: int) -> str:
    """The function that enters a region at a block."""
    return f"{REGION}.{leader}"


def module_text(region: Region, triple: str) -> str:
    """The module of a region: one function for each of its entries, and one of all its blocks."""
    lines = [
        f'target triple = "{triple}"',
        *(f'@{name} = external dso_local global i64, code_model "large"' for name in (MAP, COUNTS, CHAIN)),
        "declare i64 @llvm.fshr.i64(i64, i64, i64)",
        f"declare dso_local {CONVENTION} i64 @{EXIT}({', '.join('i64' for _ in PINNED)})",
    ]
    for leader in region.entries:
        values = ", ".join(f"i64 {leader if name == 'place' else f'%{name}'}" for name in PINNED)
        lines += [
            f"define {CONVENTION} i64 @{entry_name(leader)}({_PARAMETERS}) nounwind {{",
            f"  %left = musttail call {CONVENTION} i64 @{REGION}({values})", "  ret i64 %left", "}",
        ]  # fmt: skip
    return "\n".join([*lines, *functions(), *_Function(region).lines, METADATA])


class _Function(Lines):
    """The lines of the function of all blocks."""

    def __init__(self, region: Region) -> None:
        super().__init__(f"define internal {CONVENTION} i64 @{REGION}({_PARAMETERS}) {_ATTRIBUTES} {{")
        self._region = region
        self._through = len(region.blocks) >= LARGE
        self._cold: list[str] = []
        self._exits: list[tuple[str, str, str, str]] = []  # label, offset in the page, remaining, entry
        used, written = _registers(step for block in region.blocks.values() for step in block.steps)
        self._begin(sorted(used))
        self._places = Places(self, region, in_memory=self._through)
        self._enter()
        for block in region.blocks.values():
            self._block(block)
        self.lines += self._cold
        self._end([] if self._through else sorted(written))
        self.lines.append("}")

    def _begin(self, registers: list[int]) -> None:
        self.do("entry:")
        self.do("%left = alloca i64")
        self.do("store i64 %remaining, ptr %left")
        self.do("%hart = inttoptr i64 %h to ptr")
        self.do("%memory = inttoptr i64 %ram to ptr")
        self.do("%base = trunc i64 %vbase to i32")
        for number in registers:
            self.do(f"%r{number} = alloca i32")
            self.do(f"%p{number} = getelementptr i8, ptr %hart, i64 {REGISTER_BYTES * number}")
            value = self.let(f"load i32, ptr %p{number}, !tbaa {REGISTERS}")
            self.do(f"store i32 {value}, ptr %r{number}")

    def _enter(self) -> None:
        cases = " ".join(f"i64 {leader}, label %b{leader}" for leader in self._region.entries[1:])
        self.do(f"switch i64 %place, label %b{self._region.entries[0]} [{cases}]")

    def _end(self, written: list[int]) -> None:
        """Store what was written and is not stored yet, and go on at an entry, or leave where there is none."""
        self.do("end:")
        for name, kind, position in (("offset", "i64", 1), ("after", "i64", 2), ("next", "i64", 3)):
            self.do(f"%{name} = phi {kind} " + ", ".join(f"[{e[position]}, %{e[0]}]" for e in self._exits))
        for number in written:
            value = self.let(f"load i32, ptr %r{number}")
            self.do(f"store i32 {value}, ptr %p{number}, !tbaa {REGISTERS}")
        done = self.let("sub i64 %remaining, %after")
        for place, more in ((f"@{COUNTS}", done), (f"getelementptr (i64, ptr @{COUNTS}, i64 1)", "1")):
            old = self.let(f"load i64, ptr {place}, !tbaa {ENTRIES}")
            self.do(f"store i64 {self.let(f'add i64 {old}, {more}')}, ptr {place}, !tbaa {ENTRIES}")
        self.do(f"br i1 {self.let('icmp ne i64 %next, 0')}, label %onward, label %out")
        changed = {"remaining": "%after", "place": "%offset"}
        values = ", ".join(f"i64 {changed.get(name, f'%{name}')}" for name in PINNED)
        for label, target in (("onward", "%code"), ("out", f"@{EXIT}")):
            self.do(f"{label}:")
            if label == "onward":
                self.do("%code = inttoptr i64 %next to ptr")
            result = self.let(f"musttail call {CONVENTION} i64 {target}({values})")
            self.do(f"ret i64 {result}")

    def _leave(self, offset: str | int, left: str, entry: str = "0") -> str:
        """A label where the region ends, reached rarely: with an entry it goes on there."""
        label = self.label()
        self._cold += [f"{label}:", "  br label %end"]
        self._exits.append((label, str(offset), left, entry))
        return label

    def _to(self, leader: int, left: str) -> str:
        """The label of a block, or one where the first tier's goes on, or the interpreter."""
        if leader in self._region.blocks:
            return f"b{leader}"
        if leader >= PAGE_PARCELS:
            return self._far(self._in_page(leader), left)
        label = self.label()
        self._cold += [
            f"{label}:",
            f"  %e{label} = load i64, ptr getelementptr (i64, ptr @{MAP}, i64 {leader}), !tbaa {ENTRIES}",
            "  br label %end",
        ]
        self._exits.append((label, str(HALFWORD * leader), left, f"%e{label}"))
        return label

    def _block(self, block: Block) -> None:
        self.do(f"b{block.leader}:")
        before = self.let("load i64, ptr %left")
        left = self.let(f"sub i64 {before}, {len(block.steps)}")
        enough = self.label()
        short = self._leave(HALFWORD * block.leader, before)
        self.do(f"br i1 {self.let(f'icmp slt i64 {left}, 0')}, label %{short}, label %{enough}, !prof {RARELY}")
        self.do(f"{enough}:")
        self.do(f"store i64 {left}, ptr %left")
        found = groups(block.steps)
        if found:
            apart = self.label()
            self._body(block, left, self._places.together(found, block.steps, apart))
            self.do(f"{apart}:")
        self._body(block, left, {}, rarely=bool(found))

    def _body(self, block: Block, left: str, places: Mapping[int, str], rarely: bool = False) -> None:
        """The instructions. places: where those accesses go that have been checked. rarely: executed rarely."""
        for number, step in enumerate(block.steps):
            if step.decoded & OP >= FIRST_OP:
                self._step(block, step, left, len(block.steps) - number, places.get(number), rarely)
        if block.flow not in (BRANCH, DIRECT, INDIRECT):
            self.do(f"br label %{self._to(block.after, left)}")

    def _step(self, block: Block, step: Step, left: str, undone: int, place: str | None, rarely: bool) -> None:
        instruction = instruction_of(step.decoded)
        match instruction.kind:
            case Kind.VALUE:
                self._write(step, self._meaning(instruction, step))
            case Kind.LOAD | Kind.STORE:
                if place is None:
                    miss = self._leave(HALFWORD * step.parcel, self.let(f"add i64 {left}, {undone}"))
                    place = self._places.apart(instruction, step, miss, rarely)
                self._access(instruction, step, place)
            case Kind.BRANCH:
                taken = self._meaning(instruction, step)
                if block.target == NOWHERE:
                    there = self._far(self._in_page_offset(step), left)
                else:
                    there = self._to(block.target, left)
                self.do(f"br i1 {taken}, label %{there}, label %{self._to(block.after, left)}")
            case _ if block.flow == DIRECT and block.target == NOWHERE:
                self._link(block, step)
                self.do(f"br label %{self._far(self._in_page_offset(step), left)}")
            case _ if block.flow == DIRECT or block.target in self._region.blocks:
                self._link(block, step)
                self.do(f"br label %{self._to(block.target, left)}")
            case _:
                self._computed(block, instruction, step, left)

    def _write(self, step: Step, value: str) -> None:
        if rd_of(step.decoded):
            self.do(f"store i32 {value}, ptr %r{rd_of(step.decoded)}")
            if self._through:
                self.do(f"store i32 {value}, ptr %p{rd_of(step.decoded)}, !tbaa {REGISTERS}")

    def _in_page(self, parcel: int) -> str:
        return self.let(f"add i32 %base, {HALFWORD * parcel}")

    def _in_page_offset(self, step: Step) -> str:
        """Where a branch, or a jump by an immediate, goes."""
        return self.let(f"add i32 %base, {HALFWORD * step.parcel + (step.decoded >> PACKED_IMM)}")

    def _far(self, target: str, left: str) -> str:
        """A label where the region ends, and goes on at an address that may be in another page."""
        place, label = self.let(f"zext i32 {target} to i64"), self.label()
        self._cold += [f"{label}:", "  br label %end"]
        self._exits.append((label, place, left, f"ptrtoint (ptr @{CHAIN} to i64)"))
        return label

    def _link(self, block: Block, step: Step) -> None:
        if rd_of(step.decoded):
            self._write(step, self._in_page(block.after))

    def _meaning(self, instruction: Instruction, step: Step, **operands: str) -> str:
        d = step.decoded
        for name in instruction.inputs:
            if name == "rs1":
                operands[name] = self.register((d >> PACKED_RS1) & REGISTER)
            elif name == "rs2":
                operands[name] = self.register((d >> PACKED_RS2) & REGISTER)
            elif name in ("imm", "shamt"):
                operands[name] = str(d >> PACKED_IMM)
            elif name == "pc":
                operands[name] = self._in_page(step.parcel)
        self._names += 1
        lowered = lower(instruction, operands, f"%t{self._names}.")
        for line in lowered.lines:
            self.do(line)
        return lowered.result

    def _computed(self, block: Block, instruction: Instruction, step: Step, left: str) -> None:
        """To a return point of the region, to an entry of the page, or by CHAIN.

        A jump to where no instruction may begin is for the interpreter.
        """
        target = self._meaning(instruction, step)
        offset = self.let(f"zext i32 {self.let(f'sub i32 {target}, %base')} to i64")
        near, found, far = self.label(), self.label(), self.label()
        self.do(f"br i1 {self.let(f'icmp ult i64 {offset}, {1 << PAGE_SHIFT}')}, label %{near}, label %{far}, "
                 f"!prof {USUALLY}")  # fmt: skip
        self.do(f"{near}:")
        points = self._region.return_points if block.returns else ()
        if points:
            other = self.label()
            cases = " ".join(f"i64 {HALFWORD * point}, label %b{point}" for point in points)
            self.do(f"switch i64 {offset}, label %{other} [{cases}]")
            self.do(f"{other}:")
        place = self.let(f"getelementptr [{POINTER // HALFWORD} x i8], ptr @{MAP}, i64 {offset}")
        entry = self.let(f"load i64, ptr {place}, !tbaa {ENTRIES}")
        self.do(f"br i1 {self.let(f'icmp ne i64 {entry}, 0')}, label %{found}, label %{far}, !prof {USUALLY}")
        self.do(f"{found}:")
        self._link(block, step)
        self.do("br label %end")
        self._exits.append((found, offset, left, entry))
        self.do(f"{far}:")
        if step.decoded & STRICT:
            never, legal = self._leave(HALFWORD * step.parcel, self.let(f"add i64 {left}, 1")), self.label()
            forbidden = self.let(f"and i32 {target}, {HALFWORD}")
            self.do(f"br i1 {self.let(f'icmp ne i32 {forbidden}, 0')}, label %{never}, label %{legal}, !prof {RARELY}")
            self.do(f"{legal}:")
        self._link(block, step)
        self.do(f"br label %{self._far(target, left)}")

    def _access(self, instruction: Instruction, step: Step, data: str) -> None:
        bits = 8 * instruction.width
        if instruction.kind is Kind.LOAD:
            value = self.let(f"load i{bits}, ptr {data}, align 1, !tbaa {RAM}")
            if bits < WORD_BITS:
                value = self.let(f"zext i{bits} {value} to i32")
            self._write(step, self._meaning(instruction, step, data=value))
        else:
            value = self._meaning(instruction, step)
            if bits < WORD_BITS:
                value = self.let(f"trunc i32 {value} to i{bits}")
            self.do(f"store i{bits} {value}, ptr {data}, align 1, !tbaa {RAM}")


def _registers(steps: Iterable[Step]) -> tuple[set[int], set[int]]:
    """The numbers of the registers that are used, and of those of them that are written; x0 is neither."""
    used, written = set(), set()
    for step in steps:
        if step.decoded & OP < FIRST_OP:
            continue
        inputs = instruction_of(step.decoded).inputs
        kind = instruction_of(step.decoded).kind
        if "rs1" in inputs or kind in (Kind.LOAD, Kind.STORE):
            used.add((step.decoded >> PACKED_RS1) & REGISTER)
        if "rs2" in inputs:
            used.add((step.decoded >> PACKED_RS2) & REGISTER)
        if kind not in (Kind.BRANCH, Kind.STORE):
            written.add(rd_of(step.decoded))
    return (used | written) - {0}, written - {0}
