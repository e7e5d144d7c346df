"""A region as a function of LLVM IR, which keeps the guest's registers in values of its own.

It is called as the first tier's code is, with the same pinned values (`vm.translator.stencil_text`), in which `place`
is the parcel that it is entered at, and it ends as that does: with a tail call of a block of the first tier, or of OUT.
It loads the registers when it is entered and stores those that it writes before it ends; a large one at once.
What it does not know yet are the symbols in SYMBOLS.
"""

from collections.abc import Iterable
from functools import cache

from trapline.isa import Instruction, Kind
from trapline.isa.sv32 import PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.word import HALFWORD
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, PACKED_RS2, REGISTER, STRICT
from trapline.vm.translator.emit import leaving_place
from trapline.vm.translator.flow import NOWHERE, rd_of
from trapline.vm.translator.layout import BRANCH, DIRECT, INDIRECT, PLACE_OFFSET, PLACE_SHIFT, REGISTER_BYTES
from trapline.vm.translator.lower import WORD_BITS
from trapline.vm.translator.meaning_ir import LoweredMeaning, lower
from trapline.vm.translator.regions.formation import Block, Region, Step
from trapline.vm.translator.regions.lines import Lines
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
HEADS = "HEADS"
"""For each entry, HEAD_BYTES in which the first tier's block begins, whose own begin leads to the region."""
HEAD_BYTES = 32
SYMBOLS = (MAP, COUNTS, EXIT, CHAIN, HEADS)
"""What is filled in when the code is put into memory."""
LEADER = "LEADER"
"""The leader of an entry."""
REGION = "REGION"
"""The function of all blocks."""
BLOCKS = "blocks"
"""Its name where it is defined."""
ENTRY = "entry"
"""The function of an entry, of which there is a copy for each of them."""
LARGE = 12
"""Blocks from which on a region is large: registers are stored as they are written, and slots are kept in memory.

Values that all blocks have to hand on, because all of them can end the region, take LLVM time by the square.
"""

_ATTRIBUTES = 'nounwind noimplicitfloat "no-jump-tables"="true"'
"""All that is made is code: no tables, and no constants that are loaded."""

_NEW = "new"
_PARAMETERS = ", ".join(f"i64 %{name}" for name in PINNED)


def is_large(region: Region) -> bool:
    """Whether a region is large."""
    return len(region.blocks) >= LARGE


def module_text(region: Region, triple: str) -> str:
    """The module of a region: the function of all its blocks, and the one that enters it at LEADER."""
    values = ", ".join(
        f"i64 {f'ptrtoint (ptr @{LEADER} to i64)' if name == 'place' else f'%{name}'}" for name in PINNED
    )
    types = ", ".join("i64" for _ in PINNED)
    lines = [
        f'target triple = "{triple}"',
        *(f'@{name} = external dso_local global i64, code_model "large"' for name in (MAP, COUNTS, CHAIN, HEADS)),
        f"@{LEADER} = external dso_local global i8, !absolute_symbol !{{i64 0, i64 {PAGE_PARCELS}}}",
        "declare i64 @llvm.fshr.i64(i64, i64, i64)",
        *(f"declare dso_local {CONVENTION} i64 @{name}({types})" for name in (EXIT, REGION)),
        f"define {CONVENTION} i64 @{ENTRY}({_PARAMETERS}) nounwind {{",
        f"  %left = musttail call {CONVENTION} i64 @{REGION}({values})", "  ret i64 %left", "}",
    ]  # fmt: skip
    return "\n".join([*lines, *_Function(region).lines, METADATA])


class _Function(Lines):
    """The lines of the function of all blocks."""

    def __init__(self, region: Region) -> None:
        super().__init__(f"define {CONVENTION} i64 @{BLOCKS}({_PARAMETERS}) {_ATTRIBUTES} {{")
        self._region = region
        self._through = is_large(region)
        self._cold: list[str] = []
        self._exits: dict[str, list[tuple[str, str, str]]] = {}  # by what follows: label, value, remaining
        used, written = _registers(step for block in region.blocks.values() for step in block.steps)
        self._begin(sorted(used))
        self._places = Places(self, region, in_memory=self._through)
        self._enter()
        for block in region.blocks.values():
            self._block(block)
        self.lines += self._cold
        for kind, exits in self._exits.items():
            self._end(kind, exits, [] if self._through else sorted(written))
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

    def _end(self, kind: str, exits: list[tuple[str, str, str]], written: list[int]) -> None:
        """Where all exits of a kind come together: store what is not stored yet, and go on, or leave."""
        self.do(f"{kind}:")
        value, left = (
            self.let("phi i64 " + ", ".join(f"[{one[number]}, %{one[0]}]" for one in exits)) for number in (1, 2)
        )
        if kind == "leave":  # as LEAVE and OUT do
            left = self.let(f"add i64 {left}, {self.let(f'lshr i64 {value}, {PLACE_SHIFT}')}")
            value = self.let(f"and i64 {value}, {PLACE_OFFSET}")
        for number in written:
            self.do(f"store i32 {self.register(number)}, ptr %p{number}, !tbaa {REGISTERS}")
        done = self.let(f"sub i64 %remaining, {left}")
        for place, more in ((f"@{COUNTS}", done), (f"getelementptr (i64, ptr @{COUNTS}, i64 1)", "1")):
            old = self.let(f"load i64, ptr {place}, !tbaa {ENTRIES}")
            self.do(f"store i64 {self.let(f'add i64 {old}, {more}')}, ptr {place}, !tbaa {ENTRIES}")
        match kind:
            case "leave":
                self._go(f"@{EXIT}", left, value)
            case "near":
                place = self.let(f"getelementptr [{POINTER // HALFWORD} x i8], ptr @{MAP}, i64 {value}")
                entry, there, nowhere = self.let(f"load i64, ptr {place}, !tbaa {ENTRIES}"), self.label(), self.label()
                self.do(f"br i1 {self.let(f'icmp ne i64 {entry}, 0')}, label %{there}, label %{nowhere}")
                self.do(f"{nowhere}:")
                self._go(f"@{EXIT}", left, value)
                self.do(f"{there}:")
                self._go(entry, left)
            case "head":
                self._go(self.let(f"add i64 {value}, ptrtoint (ptr @{HEADS} to i64)"), left)
            case "far":
                target = self.let(f"add i32 %base, {self.let(f'trunc i64 {value} to i32')}")
                self._go(f"ptrtoint (ptr @{CHAIN} to i64)", left, self.let(f"zext i32 {target} to i64"))
            case _:
                self._go(value, left)

    def _go(self, code: str, left: str, place: str = "0") -> None:
        """End with a tail call of a function, or of one whose address is an i64."""
        changed = {"remaining": left, "place": place}
        values = ", ".join(f"i64 {changed.get(name, f'%{name}')}" for name in PINNED)
        target = code if code.startswith("@") else self.let(f"inttoptr i64 {code} to ptr")
        self.do(f"ret i64 {self.let(f'musttail call {CONVENTION} i64 {target}({values})')}")

    def _exit(self, kind: str, value: str | int, left: str) -> str:
        """A label where the region ends.

        Of kind "leave" value is a PLACE of `vm.translator.layout`, where the interpreter goes on; of "near" the
        offset of an instruction in the page, where the first tier does if there is a block of it; of "head" the
        offset of the head from where it does; of "far" how far
        behind the begin of the page CHAIN goes on; and of "found" that of code.
        """
        label = self.label()
        self._cold += [f"{label}:", f"  br label %{kind}"]
        self._exits.setdefault(kind, []).append((label, str(value), left))
        return label

    def _to(self, leader: int, left: str) -> str:
        """The label of a block, or one where the first tier's goes on, or the interpreter."""
        if leader in self._region.blocks:
            return f"b{leader}"
        if leader >= PAGE_PARCELS:
            return self._exit("far", HALFWORD * leader, left)
        return self._exit("near", HALFWORD * leader, left)

    def _block(self, block: Block) -> None:
        self.do(f"b{block.leader}:")
        before = self.let("load i64, ptr %left")
        left = self.let(f"sub i64 {before}, {len(block.steps)}")
        enough = self.label()
        if block.leader in self._region.entries:
            otherwise = self._exit("head", HEAD_BYTES * self._region.entries.index(block.leader), before)
        else:
            otherwise = self._exit("near", HALFWORD * block.leader, before)
        self.do(f"br i1 {self.let(f'icmp slt i64 {left}, 0')}, label %{otherwise}, label %{enough}, !prof {RARELY}")
        self.do(f"{enough}:")
        self.do(f"store i64 {left}, ptr %left")
        places = self._places.together(block, otherwise)
        for number, step in enumerate(block.steps):
            if step.decoded & OP >= FIRST_OP:
                self._step(block, step, left, len(block.steps) - number, places.get(number))
        if block.flow not in (BRANCH, DIRECT, INDIRECT):
            self.do(f"br label %{self._to(block.after, left)}")

    def _step(self, block: Block, step: Step, left: str, undone: int, place: str | None) -> None:
        instruction = instruction_of(step.decoded)
        match instruction.kind:
            case Kind.VALUE:
                self._write(step, self._meaning(instruction, step))
            case Kind.LOAD | Kind.STORE:
                if place is None:
                    miss = self._exit("leave", leaving_place(step.parcel, undone), left)
                    place = self._places.apart(instruction, step, miss)
                self._access(instruction, step, place)
            case Kind.BRANCH:
                taken = self._meaning(instruction, step)
                if block.target == NOWHERE:
                    there = self._exit("far", _distance(step), left)
                else:
                    there = self._to(block.target, left)
                self.do(f"br i1 {taken}, label %{there}, label %{self._to(block.after, left)}")
            case _ if block.flow == DIRECT and block.target == NOWHERE:
                self._link(block, step)
                self.do(f"br label %{self._exit('far', _distance(step), left)}")
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
        lines, result = _template(instruction)
        names = {**operands, _NEW: f"%t{self._names}."}
        for line in lines:
            self.do(line.format_map(names))
        return result.format_map(names)

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
        points = self._region.points(block)
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
        self.do(f"br label %{self._exit('found', entry, left)}")
        self.do(f"{far}:")
        if step.decoded & STRICT:
            never, legal = self._exit("leave", leaving_place(step.parcel, 1), left), self.label()
            forbidden = self.let(f"and i32 {target}, {HALFWORD}")
            self.do(f"br i1 {self.let(f'icmp ne i32 {forbidden}, 0')}, label %{never}, label %{legal}, !prof {RARELY}")
            self.do(f"{legal}:")
        self._link(block, step)
        self.do(f"br label %{self._exit('far', offset, left)}")

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


@cache
def _template(instruction: Instruction) -> LoweredMeaning:
    """An instruction's meaning, with the names of its inputs, and of new values, in braces."""
    return lower(instruction, {name: f"{{{name}}}" for name in instruction.inputs}, f"{{{_NEW}}}")


def _distance(step: Step) -> int:
    """How far behind the begin of its page a branch, or a jump by an immediate, goes."""
    return HALFWORD * step.parcel + (step.decoded >> PACKED_IMM)


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
