"""The same kernel prints the same here and on QEMU: kernels in C of the kinds that people write for `virt`."""

import os
from pathlib import Path

import pytest
from support.gnu import Find
from support.kernels import DISK, FOLDER, Kernel, build, run_here, run_on_qemu

KERNELS = (
    Kernel("probe", "M mode: CSRs that exist, keep or trap, PMP, timer, odd accesses, changed code"),
    Kernel("uart", "UART: reset, detection of the chip, loopback, accesses of each width", status=5),
    Kernel("nested", "vectored traps, an interrupt in an interrupt, priorities, wfi with interrupts off"),
    Kernel("tasks", "two tasks that the timer takes turns between"),
    Kernel("locks", "four harts: IPIs, ticket locks, lr/sc, AMOs, barriers", harts=4),
    Kernel("plic", "UART input through the PLIC, to M mode and to S mode", stdin=b"first line\nsecond one\n"),
    Kernel("xv6", "delegation, timer through SSIP, processes under Sv32 and a trampoline, two harts", harts=2),
    Kernel("os", "S mode over SBI, Sv32, a disk", stdin=b"first\nsecond\n", disk=True, supervisor=True),
)
# The plain Python engine has no time for those that wait for many ticks.
SHORT = [k for k in KERNELS if os.environ.get("TRAPLINE_ENGINE") != "python" or k.name in ("probe", "uart", "nested")]


@pytest.mark.parametrize("kernel", SHORT, ids=str)
def test_same_console_as_on_qemu(kernel: Kernel, tool: Find, tmp_path: Path) -> None:
    elf = build(tool, kernel, tmp_path / "kernel")
    ours, theirs = tmp_path / "ours.img", tmp_path / "theirs.img"
    for disk in (ours, theirs):
        disk.write_bytes(DISK)
    printed = run_here(kernel, elf, ours)
    assert printed.count(b"\n") > 2
    assert printed.decode().splitlines() == run_on_qemu(tool, kernel, elf, theirs).decode().splitlines()
    assert ours.read_bytes() == theirs.read_bytes()
    assert (ours.read_bytes() == DISK) is not kernel.disk


def test_every_kernel_is_run() -> None:
    assert {k.name for k in KERNELS} == {path.stem for path in FOLDER.glob("*.c")}
