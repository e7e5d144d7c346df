"""Warren, the hypervisor that is a program: its guests behave as they do on the bare machine, to any depth."""

import re
from pathlib import Path

import pytest

from support.burrow.build import build_script, kernel
from support.gnu import Find
from support.kernels.foreign import guest as foreign
from support.paths import TESTS
from support.qemu.firmware import qemu_over_sbi
from support.warren import guest, nested, run
from support.warren import kernel as small

SESSION = (TESTS / "programs/burrow/session.in").read_bytes()
CONSOLE = (TESTS / "programs/burrow/session.out").read_text()
LIMIT = 1_000_000_000
LONG_SLICES = 20_000
"""Ticks of a time slice of Burrow in the third level: one of 2,000 is over before its interrupt has been handled."""
LINUX_MEMORY = 128 << 20
LINUX_LINES = [
    "init: hello from user mode",
    "init: Linux 6.1.192 riscv32",
    "init: sum 359870 crc f63de502",
    "init: LINUX-USERLAND-OK",
]


def burrow(**defines: int) -> bytes:
    return kernel("supervisor", programs=False, **defines)


def linux() -> object:
    return guest(foreign("linux/Image"), "linux", LINUX_MEMORY, "console=hvc0 earlycon=sbi")


@pytest.mark.slow
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_burrow_session(depth: int) -> None:
    elf = burrow(**({"TIMER_PERIOD": LONG_SLICES} if depth > 2 else {}))
    printed, status = run([guest(elf)], depth, limit=LIMIT, stdin=SESSION)
    assert printed.decode() == CONSOLE
    assert status == 0


@pytest.mark.once
@pytest.mark.parametrize("depth", [1, 2])
def test_burrow_session_on_qemu(depth: int, tool: Find, tmp_path: Path) -> None:
    elf, memory = nested([guest(burrow(TIMER_PERIOD=LONG_SLICES))], depth)
    (tmp_path / "warren.elf").write_bytes(elf)
    done = qemu_over_sbi(tool, tmp_path / "warren.elf", "-m", f"{memory >> 20}M", stdin=SESSION)
    assert done.output.decode() == CONSOLE
    assert done.status == 0


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2])
def test_linux(depth: int) -> None:
    printed, status = run([linux()], depth, limit=LIMIT)
    assert re.findall("init: .*", printed.decode().replace("\r", ""))[-4:] == LINUX_LINES
    assert status == 0


@pytest.mark.once
@pytest.mark.parametrize("depth", [1, 2])
def test_linux_on_qemu(depth: int, tool: Find, tmp_path: Path) -> None:
    elf, memory = nested([linux()], depth)
    (tmp_path / "warren.elf").write_bytes(elf)
    done = qemu_over_sbi(tool, tmp_path / "warren.elf", "-m", f"{memory >> 20}M")
    assert re.findall("init: .*", done.output.decode().replace("\r", ""))[-4:] == LINUX_LINES
    assert done.status == 0


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("name", ["paging", "traps"])
def test_kernels_see_no_difference(name: str, depth: int) -> None:
    """Each page table entry, access, fence, CSR, trap, interrupt and call: the checksums are those of the bare run."""
    bare, _ = run([guest(small(name))], 0)
    assert run([guest(small(name))], depth, limit=LIMIT) == (bare, 0)


@pytest.mark.once
def test_paging_on_qemu(tool: Find, tmp_path: Path) -> None:
    """The same on QEMU, whose own answers are not quite ours."""
    (tmp_path / "bare.elf").write_bytes(small("paging"))
    bare = qemu_over_sbi(tool, tmp_path / "bare.elf", "-m", "16M")
    elf, memory = nested([guest(small("paging"))], 1)
    (tmp_path / "warren.elf").write_bytes(elf)
    done = qemu_over_sbi(tool, tmp_path / "warren.elf", "-m", f"{memory >> 20}M")
    assert done == bare


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["trap", "assist", "hybrid"])
def test_under_the_hypervisor_of_this_machine(technique: str) -> None:
    elf = build_script().build("supervisor", init="threads 3")
    printed, status = run([guest(elf)], 1, technique=technique)
    assert (printed, status) == (b"3 threads counted to 600, their values add up to 3\n", 0)
