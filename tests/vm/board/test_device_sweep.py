"""Every register of the board at every offset and width, the gaps between devices, on machines of several harts.

A guest makes the accesses, so that the CLINT's compiled half is tested too, and records each result.
"""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.board.address_map import ACCESSES, RAM, device_fault
from support.budget import PLAIN
from trapline import ExitReason, Machine, isa
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.board.virtio.entropy import Entropy

MEMORY = 1 << 20
LOG = RAM + 0x10000
KINDS = (*ACCESSES, "lr.w", "sc.w", "amoadd.w", "amoswap.w")
WRONG_TVAL = 0xEE

SWEEP = f"""
        .globl  _start
_start: csrr    t0, mhartid
        bnez    t0, park
        la      t0, trap
        csrw    mtvec, t0
        la      t0, begin
        lw      s0, 0(t0)
        lw      s1, 4(t0)
        lw      s5, 8(t0)
        li      s2, {LOG}
next:   mul     s3, s0, s5              # what is stored, if not commands of the finisher
        {"; ".join(f"li s4, 0; {kind} t1, (s0); jal s6, note" for kind in ACCESSES if kind[0] == "l")}
        {"; ".join(f"li s4, 0; {kind} s3, (s0); jal s6, note" for kind in ACCESSES if kind[0] == "s")}
        li      s4, 0
        lr.w    t1, (s0)
        jal     s6, note
        {"; ".join(f"li s4, 0; {kind} t1, s3, (s0); jal s6, note" for kind in ("sc.w", "amoadd.w", "amoswap.w"))}
        addi    s0, s0, 1
        addi    s1, s1, -1
        bnez    s1, next
        li      t0, {0x100000}
        li      t1, 0x5555
        sw      t1, (t0)
note:   sb      s4, (s2)
        addi    s2, s2, 1
        jr      s6
        .balign 4
trap:   csrr    s4, mcause
        csrr    t2, mtval
        beq     t2, s0, 1f
        li      s4, {WRONG_TVAL}
1:      csrr    t2, mepc
        addi    t2, t2, 4
        csrw    mepc, t2
        mret
park:   wfi
        j       park
        .data
        .balign 4
begin:  .word   FIRST, COUNT, FACTOR
"""

RANGES = {
    "finisher": (1, [(0xFFFF8, 0x108), (0x100FE0, 0x30)]),
    "clint": (8, [(0x1FFFFF8, 0x88), (0x2000FF0, 0x20), (0x2003FE0, 0x90), (0x200BFC0, 0x50)]),
    "plic": (8, [
        (0xBFFFFF8, 0x190), (0xC000FF8, 0x20), (0xC001FF8, 0x100), (0xC0027F0, 0x40), (0xC1FFFF8, 0x10),
        (0xC5FFFF0, 0x20), *((0xC1FFFF8 + 0x1000 * n, 0x18) for n in range(1, 18)),
    ]),
    "uart": (1, [(0xFFFFFF8, 0x110)]),
    "virtio": (8, [*((0x10000FF8 + 0x1000 * n, 0x218) for n in range(4)), (0x10007FF8, 0x20), (0x100081F0, 0x20)]),
    "gaps": (1, [(a, 0x20) for a in (
        0, 0x1000, 0xFFFFE0, 0x101008, 0x102000, 0x200C000, 0x2010000, 0x3000000, 0xC600000, 0xFFFFFE0, 0x10000200,
        0x10000FE0, 0x10001FE0, 0x10009000, 0x10100000, 0x20000000, 0x40000000, 0x7FFFFF00, RAM + MEMORY + 8,
        0x90000000, 0xFFFFFFD0,
    )]),
}  # fmt: skip
"""Harts, and (first address, how many) of what is swept; nothing reaches into RAM or around the end."""


def machine(harts: int, disk: Path, text: str) -> Machine:
    """A machine with three virtio devices and typed input."""
    disk.write_bytes(bytes(4096))
    made = Machine.from_source(text, memory=MEMORY, harts=harts, stdin=b"some input\n")
    assert made.board is not None
    for device in (Block(Drive(disk)), Entropy(), VirtioConsole(made.console)):
        made.board.plug(device)
    return made


@pytest.mark.parametrize("device", RANGES)
def test_every_offset_at_every_width(device: str, tmp_path: Path) -> None:
    harts, ranges = RANGES[device]
    if PLAIN:
        ranges = random.Random(0).sample(ranges, min(len(ranges), 4))
        ranges = [(first, min(count, 0x40)) for first, count in ranges]
    for first, count in ranges:
        values = {"FIRST": first, "COUNT": count, "FACTOR": 0x9E3779B1}
        text = SWEEP
        for name, value in values.items():
            text = text.replace(name, str(value))
        m = machine(harts, tmp_path / "disk", text)
        exit = m.run(max_instructions=200 * count * len(KINDS) * harts + 10_000)
        assert exit.reason is ExitReason.HALT and exit.code == 0, (hex(first), exit)
        notes = m.read(LOG, count * len(KINDS))
        expected = bytes(device_fault(kind, first + i) for i in range(count) for kind in KINDS)
        if notes != expected:
            at = next(i for i in range(len(notes)) if notes[i] != expected[i])
            offset, kind = divmod(at, len(KINDS))
            pytest.fail(f"{KINDS[kind]} at {first + offset:#x}: cause {notes[at]}, not {expected[at]}")
        assert m.board is not None
        m.board.close()


HARTS = 5
AT = RAM + 0x100
REGISTERS = st.one_of(
    st.integers(0, 4 * HARTS + 8).map(lambda n: 0x2000000 + n),  # msip
    st.integers(0, 8 * HARTS + 8).map(lambda n: 0x2004000 + n),  # mtimecmp
    st.integers(0, 12).map(lambda n: 0x200BFF4 + n),
    st.integers(0, 2 * HARTS).flatmap(lambda c: st.integers(0xC200000 + c * 0x1000, 0xC200008 + c * 0x1000)),
    st.integers(0xC002000, 0xC002000 + 0x80 * 2 * HARTS + 4),
    st.integers(0, 96).map(lambda source: 0xC000000 + 4 * source),
    st.integers(0x10000000, 0x10000008),
    st.tuples(st.integers(0, 8), st.integers(0, 0x120)).map(lambda at: 0x10001000 + 0x1000 * at[0] + at[1]),
)
VALUES = st.one_of(st.sampled_from([0, 1, 2, 7, 10, 1 << 10, 0xFE, 0x80, 0xFFFFFFFF]), st.integers(0, 0xFFFFFFFF))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disk")


@given(accesses=st.lists(st.tuples(st.integers(0, HARTS - 1), st.sampled_from(KINDS), REGISTERS, VALUES), max_size=40))
def test_any_hart_does_anything(folder: Path, accesses: list[tuple[int, str, int, int]]) -> None:
    """An answer or an access fault of the hart that asked; each line follows its register; no other hart is touched."""
    m = machine(HARTS, folder / "disk", "_start: nop\n")
    others = [(h.pc, list(h.x)) for h in m.harts]
    for number, kind, address, value in accesses:
        address &= -1 if kind in ACCESSES else ~3
        encoding = isa.BY_NAME[kind]
        operands = {"rs1": 5, "rs2": 6, "rd": 6, "imm": 0, "aq": 0, "rl": 0}
        m.write(AT, encoding.encode(**{name: operands[name] for name in encoding.operands}).to_bytes(4, "little"))
        hart = m.harts[number]
        hart.csr["mtvec"], hart.csr["mcause"], hart.mode = RAM + 0x800, 0, 3
        hart.pc, hart.x["t0"], hart.x["t1"] = AT, address, value
        m._m.current, m._m.slice_left = number, 1000
        assert m.step().reason is ExitReason.LIMIT
        cause = device_fault(kind, address)
        assert hart.csr["mcause"] == cause, (kind, hex(address))
        assert hart.pc == (RAM + 0x800 if cause else AT + 4)
        if cause:
            assert hart.csr["mtval"] == address and hart.x["t1"] == value
        elif kind == "sw" and 0x2000000 <= address < 0x2000000 + 4 * HARTS:
            assert (m.harts[(address & 31) >> 2].csr["mip"] >> 3) & 1 == value & 1
        assert 0 <= hart.csr["time"] < 1 << 32
        for index, other in enumerate(m.harts):
            assert other.h.lines & ~(1 << 11 | 1 << 9 | 1 << 7 | 1 << 3) == 0
            if index != number:
                assert (other.pc, list(other.x)) == others[index]
        others[number] = (hart.pc, list(hart.x))
    assert m.board is not None
    m.board.close()
