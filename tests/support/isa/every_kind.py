"""The plugin with an instruction of every kind (`tests/vm/codegen/every_kind.py`), and programs that use them."""

from support.machines import RAM
from support.paths import TESTS
from trapline import Machine
from trapline.vm.machine import ExitReason

KINDS = TESTS / "vm/codegen/every_kind.py"
ISA = "rv32ima_xkinds_xmore"


def machine(text: str, isa: str = ISA, engine: str = "python") -> Machine:
    """A machine whose program ends at `ebreak`, not run yet."""
    made = Machine.from_source(text + "\nebreak\n.balign 8\ndata: .word 0x80014001, 0xfffffff0\n", isa=isa,
                               memory=0x4000, engine=engine)  # fmt: skip
    made.host_traps = 1 << 3
    return made


def run(text: str, isa: str = ISA) -> Machine:
    """The machine after this program, which must come to its end."""
    made = machine(text, isa)
    assert made.run(max_instructions=1000).reason is ExitReason.TRAP, made.csr["mcause"]
    return made


def rotated(word: int, by: int) -> int:
    return ((word << 32 | word) << by >> 32) & 0xFFFFFFFF


CASES = [
    ("li a0, 0x80000001; li a1, 36; k.value a2, a0, a1", "a2", rotated(0x80000001, 4) + 0x1234),
    ("li a0, 100; k.imm a2, a0, -1", "a2", 101),
    ("li a0, 100; k.imm a2, a0, 101", "a2", 0),
    ("li a0, 0x80000001; k.shift a2, a0, 31", "a2", 0xC0000000),
    ("k.upper a2, 0xabcde", "a2", (RAM ^ 0xABCDE000)),
    ("li a0, 6; li a1, 8; li a2, 1; k.branch a0, a1, 1f; addi a2, a2, 1; 1:", "a2", 2),
    ("li a0, 12; li a1, 8; li a2, 1; k.branch a0, a1, 1f; addi a2, a2, 1; 1:", "a2", 1),
    ("k.jump a2, 1f; ebreak; 1:", "a2", RAM + 4),
    ("la a0, data; k.load a2, 2(a0)", "a2", 0x0180),
    ("k.load a2, data", "a2", 0x0140),
    ("la a0, data; li a1, 0x1122; k.store a1, 4(a0); lw a2, 4(a0)", "a2", 0xFFFF2211),
    ("la a0, data; li a1, 0x20; k.amo.w.aqrl a2, a1, (a0); lw a3, (a0)", "a3", 0x80013FE1),
    ("la a0, data; k.lr a2, (a0); k.sc a3, a2, (a0); lw a4, (a0); add a2, a4, a3", "a2", 0x80014001),
    ("li a0, 0xff; csrw mscratch, a0; k.csr a2, mscratch, a0; csrr a3, mscratch; add a2, a2, a3", "a2", 0xFF),
    ("k.fence; li a2, 1", "a2", 1),
    ("li a0, 1; li a1, 2; li a2, 3; li a3, 4; k.sum a2", "a2", 10),
    ("la a0, data; k.look a2, a0", "a2", RAM + 1),
    ("k.look a2, zero", "a2", 1),
    ("la a0, 1f; k.goto a0; ebreak; 1: li a2, 5", "a2", 5),
]
