"""Random statements in which anything may stand anywhere: mnemonics, directives and operands that do not belong."""

import random

from trapline.asm.assembler import HANDLERS
from trapline.asm.instructions.mnemonics import mnemonics
from trapline.isa import CSR_BY_NAME
from trapline.isa.hart import REGISTERS

SECTIONS = [
    *(".text", ".data", ".bss", ".section .rodata", ".section .tdata", ".section .tbss", '.section .t, "awT"'),
    *(
        '.section .u, "awT", @nobits',
        '.section .f, "aw"',
        '.section .n, "a", @note',
        '.section .m, "aMS", @progbits, 1',
    ),
    *(
        '.section .k, "aM", @progbits, 4',
        '.section .g, "axG", @progbits, g, comdat',
        '.section .z, ""',
        ".subsection 1",
    ),
    *('.section .z, "aw", @nobits', ".previous", ".section .init_array", ".struct 4", ".section .got", ".section .plt"),
]
LABELS = ["x", "y", "main", "later", "nowhere", "a0", "cycle", '"a b"', ".L1"]
FUNCTIONS = (
    "hi lo pcrel_hi pcrel_lo got_pcrel_hi tprel_hi tprel_lo tprel_add tls_ie_pcrel_hi tls_gd_pcrel_hi bogus".split()
)
NUMBERS = [
    *("0", "1", "2", "3", "4", "5", "8", "31", "32", "64", "255", "256", "2047"),
    *("2048", "-1", "-2048", "-2049", "0x7ff", "'a", "'\\n'"),
    *("0xffffffff", "0x80000000", "0x100000000", "-0x80000000", "0x8000000000000000", "99999999999999999999"),
    *("0b1", "017", "1.5", "1e5", "-9", "0x", "4096", "1000000"),
]  # fmt: skip
OPERATORS = [*"+-*/%|&^!<>", "<<", ">>", "==", "!=", "<>", "<=", ">=", "&&", "||"]
OTHERS = [
    *(
        "@function",
        "@nobits",
        "%progbits",
        "@10",
        '"text"',
        '"aw"',
        "rw",
        "iorw",
        "dyn",
        "R_RISCV_32",
        "norelax",
        "arch",
    ),
    *(
        "+zicsr",
        "pop",
        "push",
        "x@plt",
        "()",
        "(",
        ")",
        "",
        "1b",
        "1f",
        "2f",
        ".",
        "..",
        "$",
        "*",
        "=",
        "=5",
        ":",
        "0(",
        "#",
    ),
    *(
        "comdat",
        "simple",
        "v0",
        "ft0",
        "r",
        "i",
        "0x33",
        "OP_IMM",
        "8(sp)",
        "(sp)",
        "0(x)",
        "(5)",
        "-(x)",
        "a b",
        "\\x",
        "é",
    ),
]


class Statements:
    """Draws statements; the same `source` gives the same ones."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.mnemonics = [*mnemonics(), "amoadd.w.aq", "lr.w.aqrl", "c.nop", "fadd.s", "ld", "bogus"]
        self.directives = [
            *HANDLERS,
            ".if",
            ".ifdef",
            ".endif",
            ".rept",
            ".endr",
            ".macro",
            ".endm",
            ".include",
            ".irp",
        ]
        self.csrs = [*CSR_BY_NAME]
        self.registers = [*REGISTERS]

    def program(self) -> str:
        """A few statements, mostly separate lines."""
        return "".join(f"{self.statement()}\n" for _ in range(self.source.choice([1, 1, 2, 2, 3, 4, 6, 10])))

    def statement(self) -> str:
        """One statement, with or without a label."""
        choose = self.source
        label = choose.choice(["", "", "", f"{choose.choice([*LABELS, '1', '2'])}: "])
        kind = choose.randrange(20)
        if kind < 9:
            return f"{label}{choose.choice(self.mnemonics)} {self._operands()}"
        if kind < 15:
            return f"{label}{choose.choice(self.directives)} {self._operands()}"
        if kind < 18:
            return f"{label}{choose.choice(SECTIONS)}"
        if kind < 19:
            return f"{label}{choose.choice(LABELS)} {choose.choice(['=', '=='])} {self.expression(2)}"
        return f"{label}.{choose.choice(['balign', 'space', 'word', 'byte', 'uleb128'])} {self.expression(1)}"

    def _operands(self) -> str:
        count = self.source.choice([0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5])
        return self.source.choice([", ", ",", ", ", " "]).join(self.operand() for _ in range(count))

    def operand(self) -> str:
        """An operand of any kind."""
        choose = self.source
        kind = choose.randrange(13)
        if kind < 4:
            return choose.choice(self.registers)
        if kind < 8:
            return self.expression(2)
        if kind < 9:
            return choose.choice(self.csrs)
        if kind < 11:
            return f"{self.expression(1)}({choose.choice([*self.registers, self.expression(1)])})"
        return choose.choice(OTHERS)

    def expression(self, depth: int) -> str:
        """An expression of labels, numbers, functions and operators."""
        choose = self.source
        kind = choose.randrange(10)
        if depth == 0 or kind < 5:
            return choose.choice([choose.choice(LABELS), choose.choice(NUMBERS), choose.choice(["1b", "1f", "."])])
        if kind < 6:
            return f"%{choose.choice(FUNCTIONS)}({self.expression(depth - 1)})"
        if kind < 7:
            return f"{choose.choice('-~!')}({self.expression(depth - 1)})"
        return f"{self.expression(depth - 1)} {choose.choice(OPERATORS)} {self.expression(depth - 1)}"
