"""The Python API: registers, CSRs and memory of a machine by name; names and numbers are the specification's."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline import Machine
from trapline.isa import CSRS
from trapline.vm.machine import MemoryRangeError

RAM = 0x80000000
SMALL = 1 << 20


def small(text: str) -> Machine:
    return Machine.from_source(text, memory=SMALL)


# Registers


ABI = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split()


@pytest.mark.parametrize("number", range(32))
def test_a_register_has_three_names(number: int) -> None:
    machine = Machine(memory=4096)
    machine.x[ABI[number]] = 0x12345600 + number
    expected = 0x12345600 + number if number else 0
    assert machine.x[number] == machine.x[f"x{number}"] == machine.x[ABI[number]] == expected
    assert machine.x.as_dict()[ABI[number]] == expected
    assert list(machine.x)[number] == expected
    assert sum(list(machine.x)) == expected, "only one register is written"


def test_fp_is_s0() -> None:
    machine = Machine(memory=4096)
    machine.x["fp"] = 7
    assert machine.x["s0"] == 7


@given(value=st.integers(-(1 << 40), 1 << 40))
def test_a_register_holds_a_word(value: int) -> None:
    machine = Machine(memory=4096)
    machine.x["a0"] = value
    assert machine.x["a0"] == value % (1 << 32)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sp1", "no register is called 'sp1'; did you mean 'sp'"),
        ("a8", "'a8'"),
        ("x32", "'x32'"),
        (32, "32"),
        (-1, "-1"),
        ("", "''"),
    ],
)
def test_an_unknown_register_is_named(name: str | int, message: str) -> None:
    machine = Machine(memory=4096)
    with pytest.raises(KeyError, match=message):
        machine.x[name]
    with pytest.raises(KeyError, match=message):
        machine.x[name] = 1


# CSRs


def test_csrs_by_name() -> None:
    machine = Machine(memory=4096)
    machine.csr["mscratch"] = 0x123456789
    assert machine.csr["mscratch"] == 0x23456789
    machine.csr["mepc"] = 0x80000007
    assert machine.csr["mepc"] == 0x80000004, "IALIGN=32: the two low bits are zero"
    machine.csr["mstatus"] = 2 << 11
    assert machine.csr["mstatus"] >> 11 & 3 != 2, "WARL: mode 2 does not exist"
    assert machine.csr["misa"] == 1 << 30 | 0x1 | 1 << 8 | 1 << 12 | 1 << 18 | 1 << 20
    before = machine.csr["mhartid"]
    machine.csr["mhartid"] = before + 1
    assert machine.csr["mhartid"] == before, "read-only"


@pytest.mark.parametrize("name", ["mcycle", "minstret", "mcycleh", "minstreth"])
@pytest.mark.parametrize("value", [0, 5, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("inhibited", [0, 5])
def test_a_counter_reads_back_what_the_host_wrote(name: str, value: int, inhibited: int) -> None:
    machine = small("_start: nop\n nop\n nop")
    machine.step(2)
    machine.csr["mcountinhibit"] = inhibited
    machine.csr[name] = value
    assert machine.csr[name] == value
    assert machine.cycle == machine.instret == 2, "the machine's own count is another"
    machine.step()
    step = 0 if inhibited or name.endswith("h") else 1
    assert machine.csr[name] == (value + step) % (1 << 32)


def test_csrs_are_read_as_m_mode_would_in_any_mode() -> None:
    machine = Machine(memory=4096)
    machine.csr["mscratch"] = 3
    machine.mode = 0
    assert machine.csr["mscratch"] == 3
    assert machine.mode == 0


def test_an_unknown_csr_is_named() -> None:
    machine = Machine(memory=4096)
    for access in (lambda: machine.csr["mstatsu"], lambda: machine.csr.__setitem__("mstatsu", 0)):
        with pytest.raises(KeyError, match="no CSR is called 'mstatsu'; did you mean 'mstatus'"):
            access()


def test_pc_and_mode() -> None:
    machine = Machine(memory=4096)
    assert (machine.pc, machine.mode, machine.cycle, machine.instret) == (RAM, 3, 0, 0)
    machine.pc = (1 << 32) + 8
    assert machine.pc == 8
    for mode in (0, 1, 3):
        machine.mode = mode
        assert machine.mode == mode
    with pytest.raises(ValueError, match="mode 2 is not"):
        machine.mode = 2


def test_the_mode_that_the_host_sets_is_obeyed() -> None:
    machine = small("_start: csrr a0, mscratch\n csrr a0, mscratch")
    machine.step()
    machine.host_traps = 1 << 2
    machine.mode = 1
    machine.csr["pmpaddr0"] = 0xFFFFFFFF
    machine.csr["pmpcfg0"] = 0x1F
    assert machine.step().cause == 2


# Memory


def test_memory_is_a_buffer() -> None:
    machine = Machine(memory=8192)
    assert machine.ram.nbytes == len(machine.ram.data) == 8192
    machine.write(RAM + 5, b"hello")
    assert machine.read(RAM + 5, 5) == bytes(memoryview(machine.ram)[5:10]) == b"hello"
    machine.ram[8190:] = 0xAB
    assert machine.read(RAM + 8190, 2) == b"\xab\xab"
    assert machine.read(RAM + 8192, 0) == b""


@pytest.mark.parametrize(("address", "length"), [(0, 1), (RAM - 1, 1), (RAM - 1, 2), (RAM + 8192, 1), (RAM, 8193)])
def test_memory_outside_ram(address: int, length: int) -> None:
    machine = Machine(memory=8192)
    with pytest.raises(MemoryRangeError, match=f"{address:#x}"):
        machine.read(address, length)
    with pytest.raises(MemoryRangeError, match=f"{address:#x}"):
        machine.write(address, bytes(length))
    assert not machine.ram.any()


def test_code_that_the_host_replaces_is_executed() -> None:
    machine = small("_start: li a0, 1\n j _start")
    machine.step(20)
    machine.write(RAM, bytes.fromhex("13052000"))  # li a0, 2
    machine.step(3)
    assert machine.x["a0"] == 2


def test_the_digest_is_that_of_the_records() -> None:
    """Field by field, of all harts; recordings and golden files have it."""
    machine = Machine(memory=4096, harts=3)
    rng = np.random.default_rng(1)
    names = ["x", "pc", "mode", *sorted({csr.storage for csr in CSRS if csr.storage}), "pmpcfg", "pmpaddr"]
    harts = machine.engine.harts
    for name in names:
        harts[name] = rng.integers(-(1 << 63), 1 << 63, harts[name].shape, np.int64)
    machine.engine.ram[:] = rng.integers(1 << 8, size=4096)
    parts = [*(harts[name].tobytes() for name in names), machine.engine.ram.tobytes()]
    assert machine.digest() == hashlib.sha256(b"".join(parts)).hexdigest()
