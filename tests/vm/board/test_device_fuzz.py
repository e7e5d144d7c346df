"""Any access to the physical address space outside RAM: an answer or an access fault with the address, no crash."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.board.address_map import ACCESSES, MAPPED, RAM, SIZE, mapped
from support.budget import PLAIN
from trapline import ExitReason, Machine, isa
from trapline.vm.board.board import Board
from trapline.vm.board.devices import Halt
from trapline.vm.core.hart import HartView, new_harts
from trapline.vm.host.console import Console

ATOMICS = ("lr.w", "sc.w", "amoswap.w", "amoadd.w", "amominu.w")
WORD = st.integers(0, 0xFFFFFFFF)

EDGES = sorted({edge + d for start, end, _ in MAPPED for edge in (start, end) for d in range(-8, 9)})
REGISTERS = [
    *range(0x100000, 0x100010), *range(0x10000000, 0x10000010), *range(0x2000000, 0x2000010),
    *range(0x2003FF8, 0x2004010), *range(0x200BFF0, 0x200C004), *range(0xC000000, 0xC000010),
    *range(0xC000FF8, 0xC001010), *range(0xC001FF8, 0xC002010), *range(0xC002078, 0xC002110),
    *range(0xC200000, 0xC200010), *range(0xC201000, 0xC201010), *range(0xC202000, 0xC202010),
    *range(0x10001000, 0x10001010), *range(0x10003070, 0x10003078), *range(0x10008100, 0x10008104),
    0, 1, 2, 4, 0xFFFFFFFC, 0xFFFFFFFF,
]  # fmt: skip
ADDRESS = st.one_of(
    st.sampled_from(REGISTERS),
    st.sampled_from(EDGES),
    st.integers(0x100000, 0x101010),
    st.integers(0x2000000, 0x2010000),
    st.integers(0xC000000, 0xC600010),
    WORD,
)
VALUE = st.sampled_from([0, 1, 0xFF, 10, 0x5555, 0x53333, 0x7777, 0x80, 0x10, 0xFFFFFFFF]) | WORD


def machine(board: bool = True) -> Machine:
    made = Machine(memory=SIZE, stdin=b"input", board=board)
    made.csr["mtvec"] = RAM + 0x800
    return made


def access(m: Machine, name: str, address: int, value: int) -> Any:
    """Execute one instruction at RAM + 0x100 with the address in t0, t1 the value and destination."""
    encoding = isa.BY_NAME[name]
    registers = {"rs1": 5, "rs2": 6, "rd": 6, "imm": 0, "aq": 0, "rl": 0}
    word = encoding.encode(**{operand: registers[operand] for operand in encoding.operands})
    m.write(RAM + 0x100, struct.pack("<I", word))
    m.pc, m.x["t0"], m.x["t1"] = RAM + 0x100, address, value
    m.csr["mcause"], m.csr["mtval"] = 0, 0
    return m.step()


def check(m: Machine, name: str, address: int, value: int) -> None:
    """One access and what must hold after it."""
    cycle = m.cycle
    exit = access(m, name, address, value)
    assert m.cycle == cycle + 1
    width = ACCESSES.get(name, 4)
    store = name[0] == "s" or name.startswith("amo")
    if exit.reason is ExitReason.HALT:
        assert address == 0x100000 and name in ("sh", "sw") and value & 0xFFFF in (0x5555, 0x3333, 0x7777)
        return
    assert exit.reason is ExitReason.LIMIT
    if name == "sc.w" and address % 4 == 0:
        assert m.csr["mcause"] == 0 and m.x["t1"] == 1, "there is no reservation: it fails and accesses nothing"
        return
    if name in ACCESSES and (address % width == 0 or RAM <= address < address + width <= RAM + SIZE):
        reached = mapped(address, width)
    elif name in ACCESSES:
        reached = False  # misaligned: bytes are done one by one, in RAM only
    else:
        reached = RAM <= address <= RAM + SIZE - 4 and address % 4 == 0
    if reached:
        assert m.pc == RAM + 0x104 and m.csr["mcause"] == 0
        loaded = m.x["t1"]
        assert 0 <= loaded < 1 << 32
        if name in ("lbu", "lhu"):
            assert loaded < 1 << (8 * width)
        if name in ("lb", "lh"):
            assert loaded < 1 << (8 * width - 1) or loaded >> (8 * width - 1) == (1 << (33 - 8 * width)) - 1
        return
    assert m.pc == RAM + 0x800 and m.csr["mepc"] == RAM + 0x100
    assert m.x["t1"] == value, "a fault writes no register"
    if name not in ACCESSES and address % 4:
        assert m.csr["mcause"] == (4 if name == "lr.w" else 6)
    else:
        assert m.csr["mcause"] == (7 if store else 5)
    tval = m.csr["mtval"]
    if address % width and name in ACCESSES:
        # "mtval will contain the virtual address of the portion of the access that caused the fault".
        end = next((RAM + SIZE for _ in (0,) if RAM <= address < RAM + SIZE), address)
        start = RAM if (address + width - 1) % (1 << 32) >= RAM > address else None
        assert tval == (end if start is None else address)
    else:
        assert tval == address


@pytest.mark.parametrize("name", [*ACCESSES, *ATOMICS])
@given(data=st.data())
def test_one_access(name: str, data: st.DataObject) -> None:
    check(machine(), name, data.draw(ADDRESS), data.draw(VALUE))


@given(accesses=st.lists(st.tuples(st.sampled_from([*ACCESSES, *ATOMICS]), ADDRESS, VALUE), max_size=40))
def test_many_accesses_to_one_machine(accesses: list[tuple[str, int, int]]) -> None:
    m = machine()
    for name, address, value in accesses:
        if not RAM <= address < RAM + 0x1000 - 8 and not RAM - 8 < address < RAM:
            check(m, name, address, value)
            m.csr["mie"] = 0


def test_every_register_at_every_width() -> None:
    """All of the interesting addresses in turn: each access meets the state that the previous one left."""
    m = machine()
    for value in (0xFFFFFFFF,) if PLAIN else (0, 0xFFFFFFFF, 0x0A0A0A0A):
        for address in [*REGISTERS, *EDGES]:
            if RAM - 8 <= address < RAM + 0x1000:
                continue
            for name in ACCESSES:
                check(m, name, address, value)


@given(address=WORD, name=st.sampled_from(list(ACCESSES)))
def test_without_board_there_is_only_ram(address: int, name: str) -> None:
    m = machine(board=False)
    width = ACCESSES[name]
    address &= ~(width - 1)
    access(m, name, address, 0)
    expected = 0 if RAM <= address < RAM + SIZE else (7 if name[0] == "s" else 5)
    assert (m.csr["mcause"], m.csr["mtval"]) == (expected, address if expected else 0)


@given(address=ADDRESS)
def test_nothing_is_fetched_from_a_device(address: int) -> None:
    address &= ~3
    m = machine()
    m.pc = address
    m.host_traps = 0xFFFF
    exit = m.step()
    if RAM <= address < RAM + SIZE:
        assert exit.cause == 2, "zeros are no instruction"
    else:
        assert (exit.reason, exit.cause, exit.tval) == (ExitReason.TRAP, 1, address)


BUS_ACCESS = st.tuples(st.booleans(), ADDRESS, st.sampled_from([1, 2, 4]), VALUE)


@given(accesses=st.lists(BUS_ACCESS, max_size=60), stdin=st.binary(max_size=20))
def test_the_bus_answers_anything(accesses: list[tuple[bool, int, int, int]], stdin: bytes) -> None:
    """Devices alone, aligned or not: a value of at most a word, None, True, False or Halt."""
    hart = HartView(new_harts(1, 0))
    board = Board([hart], Console(None, stdin))
    for store, address, width, value in accesses:
        value &= (1 << (8 * width)) - 1
        if store:
            try:
                assert board.bus.store(address, width, value) in (True, False)
            except Halt as halt:
                assert address == 0x100000 and width > 1 and 0 <= halt.code <= 0xFFFF
        else:
            loaded = board.bus.load(address, width)
            assert loaded is None or (0 <= loaded < 1 << 32 and mapped(address, width))
        board.update()
        assert hart.lines & ~(1 << 11 | 1 << 9) == 0
