"""What stencils are written with, in LLVM IR, and what they have in common (`vm.translator.stencil_text`).

A stencil is a function of the convention `ghccc`, which saves no registers, and ends in a tail call of what comes next.
So its arguments, the *pinned* values, stay in the same machine registers throughout; the hart's x0 to x31 are in its
record.

    remaining   r13: instructions that may still be executed, less those of the block that has begun
    h           rbp: the address of the hart's record, and so of x0
    tag         r12: the upper half of the TLBs' tags, `data_context` of `execute`
    ram         rbx: the address of `ram8`
    vbase       r14: the virtual address of the page
    place       rsi: of LEAVE and OUT: where to leave; of CHAIN: where to go on; of others whatever it was
    context     rdi: the address of the context (`vm.translator.layout`)

What a stencil leaves open is an external symbol, and each use of it a relocation: a hole.
"""

from trapline.isa import Instruction
from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.hart import field_offset
from trapline.vm.core.tlb import TLB_MASK
from trapline.vm.translator.meaning_ir import lower

PINNED = ("remaining", "h", "tag", "ram", "vbase", "place", "context")
CONVENTION = "ghccc"
TYPES = ", ".join("i64" for _ in PINNED)

SMALL = "!{i64 0, i64 65536}"
WORD = "!{i64 0, i64 4294967296}"
SYMBOLS = {
    "RD": SMALL, "RS1": SMALL, "RS2": SMALL, "PC": SMALL, "NEXT_PC": SMALL, "BLOCK": SMALL, "IMM": WORD, "PLACE": WORD,
    "SHAMT": "!{i64 0, i64 32}", "UIMM": "!{i64 0, i64 32}", "FORBIDDEN": "!{i64 0, i64 4}",
}  # fmt: skip
"""Holes that hold a number, and the range that LLVM may rely on."""
ADDRESS = "MAP"
"""The hole of 64 bits."""
JUMPS = ("NEXT", "TAKEN", "MISS", "EXIT", "ONTO")

RARELY = '!{!"branch_weights", i32 1, i32 2000}'
USUALLY = '!{!"branch_weights", i32 2000, i32 1}'

POINTER = 8
"""Bytes of a machine word, and of a register of the hart."""
TLB_ENTRY = 2 * POINTER
"""Bytes of a TLB's entry: its tag, and what turns a vaddr into an offset in RAM."""


class Stencil:
    """The lines of one function."""

    def __init__(self, name: str, arguments: str = "") -> None:
        pinned = ", ".join(f"i64 %{name}" for name in PINNED)
        head = f"i64 @{name}({arguments})" if arguments else f"{CONVENTION} i64 @{name}({pinned})"
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

    def set_field(self, name: str, value: str) -> None:
        """Change a field of the hart: an i64."""
        self.do(f"store i64 {value}, ptr {self.pointer('%h', field_offset(name))}")

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
        result = self.let(f"musttail call {CONVENTION} i64 {target}({values})")
        self.do(f"ret i64 {result}")

    def fork(self, condition: str, weights: str) -> None:
        """Go on at `yes:` or `no:`."""
        self.do(f"br i1 {condition}, label %yes, label %no, !prof {weights}")
        self.do("yes:")

    def text(self) -> str:
        """The whole function."""
        return "\n".join([*self.lines, "}"])


def meaning_of(s: Stencil, instruction: Instruction, **operands: str) -> str:
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


def access(s: Stencil, instruction: Instruction, tlb: str, mark: int = 0) -> str:
    """The offset in RAM, where the TLB has it with this mark; else to MISS. Goes on at `yes:`."""
    address = s.register("RS1")
    if "imm" in instruction.operands:
        address = s.let(f"add i32 {address}, {s.word('IMM')}")
    wide = s.let(f"zext i32 {address} to i64")
    shift = PAGE_SHIFT - TLB_ENTRY.bit_length() + 1
    index = s.let(f"and i64 {s.let(f'lshr i64 {wide}, {shift}')}, {TLB_MASK * TLB_ENTRY}")
    entry = s.pointer(s.let(f"add i64 %h, {index}"), field_offset(tlb))
    place = s.pointer(s.let(f"add i64 %h, {index}"), field_offset(tlb) + POINTER)
    page = s.let(f"and i32 {address}, {signed(PAGE_BASE | (instruction.width - 1))}")
    if mark:
        page = s.let(f"or i32 {page}, {mark}")
    wanted = s.let(f"or i64 {s.let(f'zext i32 {page} to i64')}, %tag")
    found = s.let(f"load i64, ptr {entry}, !tbaa !11")
    s.do(f"br i1 {s.let(f'icmp eq i64 {found}, {wanted}')}, label %yes, label %no, !prof !2")
    s.do("no:")
    s.go("@MISS")
    s.do("yes:")
    return s.let(f"add i64 {wide}, {s.let(f'load i64, ptr {place}, !tbaa !11')}")


def signed(value: int) -> int:
    """An i32 as LLVM writes it."""
    return value - (1 << 32) if value >> 31 else value
