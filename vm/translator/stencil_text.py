"""What each stencil does, as one module of LLVM IR.

A stencil is a function of the convention `ghccc`, which saves no registers, and ends in a tail call of what comes next.
So its arguments, the *pinned* values, stay in the same machine registers throughout; the hart's x0 to x31 are in its
record.

    remaining   r13: instructions that may still be executed, less those of the block that has begun
    h           rbp: the address of the hart's record, and so of x0
    tag         r12: the upper half of the TLBs' tags, `data_context` of `execute`
    ram         rbx: the address of `ram8`
    vbase       r14: the virtual address of the page
    place       rsi: of LEAVE and OUT: where to leave; of others whatever it was

What a stencil leaves open is an external symbol, and each use of it a relocation: a hole.
"""

from collections.abc import Iterator

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.hart import HART
from trapline.vm.core.tlb import TLB_MASK
from trapline.vm.translator.expression import CannotLowerError
from trapline.vm.translator.layout import CONTEXT_HART, CONTEXT_RAM, PLACE_OFFSET, PLACE_SHIFT
from trapline.vm.translator.lower import WORD_BITS
from trapline.vm.translator.meaning_ir import jumps_by_immediate, lower

STENCIL_KINDS = (Kind.VALUE, Kind.BRANCH, Kind.JUMP, Kind.LOAD, Kind.STORE)

PINNED = ("remaining", "h", "tag", "ram", "vbase", "place")
_CONVENTION = "ghccc"
_TYPES = ", ".join("i64" for _ in PINNED)

SMALL = "!{i64 0, i64 65536}"
WORD = "!{i64 0, i64 4294967296}"
SYMBOLS = {
    "RD": SMALL, "RS1": SMALL, "RS2": SMALL, "PC": SMALL, "NEXT_PC": SMALL, "BLOCK": SMALL, "IMM": WORD, "PLACE": WORD,
    "SHAMT": "!{i64 0, i64 32}",
}  # fmt: skip
"""Holes that hold a number, and the range that LLVM may rely on."""
ADDRESS = "MAP"
"""The hole of 64 bits."""
JUMPS = ("NEXT", "TAKEN", "MISS", "EXIT")

RARELY = '!{!"branch_weights", i32 1, i32 2000}'
USUALLY = '!{!"branch_weights", i32 2000, i32 1}'

POINTER = 8
"""Bytes of a machine word, and of a register of the hart."""
TLB_ENTRY = 2 * POINTER
"""Bytes of a TLB's entry: its tag, and what turns a vaddr into an offset in RAM."""


def field_offset(name: str) -> int:
    """Where the hart's record has a field, in bytes."""
    fields = HART.fields
    assert fields is not None
    return fields[name][1]


def has_stencil(instruction: Instruction) -> bool:
    """Whether an instruction is made of a stencil; a jump by an immediate is one of LINK and GO."""
    return instruction.kind in STENCIL_KINDS and not is_direct(instruction)


def is_direct(instruction: Instruction) -> bool:
    """Whether it always jumps to pc + imm."""
    try:
        return instruction.kind is Kind.JUMP and jumps_by_immediate(instruction)
    except CannotLowerError:
        return False


class _Stencil:
    """The lines of one function."""

    def __init__(self, name: str, arguments: str = "") -> None:
        pinned = ", ".join(f"i64 %{name}" for name in PINNED)
        head = f"i64 @{name}({arguments})" if arguments else f"{_CONVENTION} i64 @{name}({pinned})"
        self.lines = [f"define {head} nounwind {{"]
        self._names = 0

    def let(self, text: str) -> str:
        """A new value."""
        self._names += 1
        self.lines.append(f"  %v{self._names} = {text}")
        return f"%v{self._names}"

    def do(self, text: str) -> None:
        """A line without a value, or a label."""
        self.lines.append(text if text.endswith(":") else f"  {text}")

    def number(self, symbol: str) -> str:
        """A hole as an i64."""
        return f"ptrtoint (ptr @{symbol} to i64)"

    def word(self, symbol: str) -> str:
        """A hole as an i32."""
        return f"trunc (i64 {self.number(symbol)} to i32)"

    def pointer(self, base: str, offset: str | int, scale: int = 1) -> str:
        """The address so many times `scale` bytes after a base."""
        start = self.let(f"inttoptr i64 {base} to ptr")
        return self.let(f"getelementptr [{scale} x i8], ptr {start}, i64 {offset}")

    def field(self, name: str) -> str:
        """The value of a field of the hart."""
        return self.let(f"load i64, ptr {self.pointer('%h', field_offset(name))}")

    def register(self, symbol: str) -> str:
        """The value of the register of a hole.

        It is loaded by an instruction that does nothing else, of all 32 bits. Processors find what was stored last by
        such a load without looking into memory, which the next guest instruction would wait for, five cycles each.
        """
        loaded = self.let(f"load i32, ptr {self.pointer('%h', self.number(symbol))}, !tbaa !10")
        return self.let(f'call i32 asm "", "=r,0"(i32 {loaded})')

    def write(self, value: str) -> None:
        """rd := an i32. The upper half of a register's 64 bits is always 0."""
        self.do(f"store i32 {value}, ptr {self.pointer('%h', self.number('RD'))}, !tbaa !10")

    def address_in_page(self, symbol: str) -> str:
        """VBASE plus the offset in a hole, as an i32."""
        vbase = self.let("trunc i64 %vbase to i32")
        return self.let(f"add i32 {vbase}, {self.word(symbol)}")

    def go(self, target: str, **changed: str) -> None:
        """End with a jump, and these pinned values changed."""
        values = ", ".join(f"i64 {changed.get(name, '%' + name)}" for name in PINNED)
        result = self.let(f"musttail call {_CONVENTION} i64 {target}({values})")
        self.do(f"ret i64 {result}")

    def fork(self, condition: str, weights: str) -> None:
        """Go on at `yes:` or `no:`."""
        self.do(f"br i1 {condition}, label %yes, label %no, !prof {weights}")
        self.do("yes:")

    def text(self) -> str:
        """The whole function."""
        return "\n".join([*self.lines, "}"])


def _meaning(s: _Stencil, instruction: Instruction, **operands: str) -> str:
    """Write what an instruction computes: the name of the result."""
    for name in instruction.inputs:
        if name in ("rs1", "rs2"):
            operands.setdefault(name, s.register(name.upper()))
        elif name in ("imm", "shamt"):
            operands[name] = s.word(name.upper())
        elif name == "pc":
            operands[name] = s.address_in_page("PC")
    lowered = lower(instruction, operands)
    for line in lowered.lines:
        s.do(line)
    return lowered.result


def _value(s: _Stencil, instruction: Instruction) -> None:
    s.write(_meaning(s, instruction))
    s.go("@NEXT")


def _branch(s: _Stencil, instruction: Instruction) -> None:
    s.fork(_meaning(s, instruction), "!1")
    s.go("@TAKEN")
    s.do("no:")
    s.go("@NEXT")


def _jump(s: _Stencil, instruction: Instruction) -> None:
    """To an entry of the page's table. Without one the interpreter executes the jump, which may be misaligned."""
    target = _meaning(s, instruction)
    vbase = s.let("trunc i64 %vbase to i32")
    offset = s.let(f"zext i32 {s.let(f'sub i32 {target}, {vbase}')} to i64")
    s.fork(s.let(f"icmp ult i64 {offset}, {1 << PAGE_SHIFT}"), "!2")
    place = s.pointer(s.number(ADDRESS), offset, POINTER // 2)
    entry = s.let(f"load i64, ptr {place}")
    s.do(f"br i1 {s.let(f'icmp ne i64 {entry}, 0')}, label %near, label %no, !prof !2")
    s.do("near:")
    s.write(s.address_in_page("NEXT_PC"))
    s.go(s.let(f"inttoptr i64 {entry} to ptr"))
    s.do("no:")
    s.go("@MISS")


def _access(s: _Stencil, instruction: Instruction, tlb: str) -> str:
    """The address in the computer's memory, where the TLB has it; else to MISS. Goes on at `yes:`."""
    base = s.register("RS1")
    address = s.let(f"add i32 {base}, {s.word('IMM')}")
    wide = s.let(f"zext i32 {address} to i64")
    shift = PAGE_SHIFT - TLB_ENTRY.bit_length() + 1
    index = s.let(f"and i64 {s.let(f'lshr i64 {wide}, {shift}')}, {TLB_MASK * TLB_ENTRY}")
    entry = s.pointer(s.let(f"add i64 %h, {index}"), field_offset(tlb))
    place = s.pointer(s.let(f"add i64 %h, {index}"), field_offset(tlb) + POINTER)
    page = s.let(f"and i32 {address}, {signed(PAGE_BASE | (instruction.width - 1))}")
    wanted = s.let(f"or i64 {s.let(f'zext i32 {page} to i64')}, %tag")
    found = s.let(f"load i64, ptr {entry}, !tbaa !11")
    s.do(f"br i1 {s.let(f'icmp eq i64 {found}, {wanted}')}, label %yes, label %no, !prof !2")
    s.do("no:")
    s.go("@MISS")
    s.do("yes:")
    offset = s.let(f"add i64 {wide}, {s.let(f'load i64, ptr {place}, !tbaa !11')}")
    return s.pointer("%ram", offset)


def signed(value: int) -> int:
    """An i32 as LLVM writes it."""
    return value - (1 << 32) if value >> 31 else value


def _load(s: _Stencil, instruction: Instruction) -> None:
    place = _access(s, instruction, "load_tlb")
    bits = 8 * instruction.width
    data = s.let(f"load i{bits}, ptr {place}, align 1, !tbaa !12")
    if bits < WORD_BITS:
        data = s.let(f"zext i{bits} {data} to i32")
    s.write(_meaning(s, instruction, data=data))
    s.go("@NEXT")


def _store(s: _Stencil, instruction: Instruction) -> None:
    place = _access(s, instruction, "store_tlb")
    data = _meaning(s, instruction)
    bits = 8 * instruction.width
    if bits < WORD_BITS:
        data = s.let(f"trunc i32 {data} to i{bits}")
    s.do(f"store i{bits} {data}, ptr {place}, align 1, !tbaa !12")
    s.go("@NEXT")


_KINDS = {Kind.VALUE: _value, Kind.BRANCH: _branch, Kind.JUMP: _jump, Kind.LOAD: _load, Kind.STORE: _store}


def _budget(s: _Stencil) -> None:
    left = s.let(f"sub i64 %remaining, {s.number('BLOCK')}")
    s.fork(s.let(f"icmp slt i64 {left}, 0"), "!1")
    s.go("@MISS", remaining=left)
    s.do("no:")
    s.go("@NEXT", remaining=left)


def _link(s: _Stencil) -> None:
    s.write(s.address_in_page("NEXT_PC"))
    s.go("@NEXT")


def _go(s: _Stencil) -> None:
    s.go("@TAKEN")


def _leave(s: _Stencil) -> None:
    s.go("@EXIT", place=s.number("PLACE"))


def _out(s: _Stencil) -> None:
    vbase = s.let("trunc i64 %vbase to i32")
    place = s.let("trunc i64 %place to i32")
    offset = s.let(f"and i32 {place}, {PLACE_OFFSET}")
    pc = s.let(f"zext i32 {s.let(f'add i32 {vbase}, {offset}')} to i64")
    s.do(f"store i64 {pc}, ptr {s.pointer('%h', field_offset('pc'))}")
    undone = s.let(f"zext i32 {s.let(f'lshr i32 {place}, {PLACE_SHIFT}')} to i64")
    s.do(f"ret i64 {s.let(f'add i64 %remaining, {undone}')}")


def _door(s: _Stencil) -> None:
    h = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_HART)}")
    ram = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_RAM)}")
    tag = s.let(f"load i64, ptr {s.pointer(h, field_offset('data_context'))}")
    start = s.let("inttoptr i64 %entry to ptr")
    pinned = {"h": h, "ram": ram, "tag": tag, "place": "%pc"}
    values = ", ".join(f"i64 {pinned.get(name, '%' + name)}" for name in PINNED)
    s.do(f"ret i64 {s.let(f'call {_CONVENTION} i64 {start}({values})')}")


GLUE_TEXTS = {"budget": _budget, "link": _link, "go": _go, "leave": _leave, "out": _out}
"""The glue by the names of its functions; they have no instruction's name in common."""
DOOR_ARGUMENTS = "i64 %context, i64 %remaining, i64 %pc, i64 %vbase, i64 %entry"


def function_name(instruction: Instruction) -> str:
    """What an instruction's stencil is called."""
    return f"i.{instruction.name}"


def texts() -> Iterator[str]:
    """The functions; an instruction whose meaning cannot be lowered has none."""
    for name, write in GLUE_TEXTS.items():
        s = _Stencil(name)
        write(s)
        yield s.text()
    s = _Stencil("door", DOOR_ARGUMENTS)
    _door(s)
    yield s.text()
    for instruction in INSTRUCTIONS:
        if has_stencil(instruction):
            s = _Stencil(function_name(instruction))
            try:
                _KINDS[instruction.kind](s, instruction)
            except CannotLowerError:
                continue
            yield s.text()


def module_text(triple: str) -> str:
    """The module of all stencils."""
    names = list(dict.fromkeys(SYMBOLS.values()))
    lines = [f'target triple = "{triple}"']
    for symbol, bounds in SYMBOLS.items():
        lines.append(f"@{symbol} = external dso_local global i8, !absolute_symbol !{20 + names.index(bounds)}")
    lines.append(f'@{ADDRESS} = external dso_local global i8, code_model "large"')
    lines += [f"declare dso_local {_CONVENTION} i64 @{name}({_TYPES})" for name in JUMPS]
    lines += texts()
    # Registers of the hart, TLBs and RAM are never the same memory.
    lines += [
        f"!1 = {RARELY}", f"!2 = {USUALLY}", '!3 = !{!"root"}',
        *(f'!{4 + n} = !{{!"{name}", !3}}' for n, name in enumerate(("registers", "tlb", "ram"))),
        *(f"!{10 + n} = !{{!{4 + n}, !{4 + n}, i64 0}}" for n in range(3)),
        *(f"!{20 + n} = {bounds}" for n, bounds in enumerate(names)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
