"""The same kernel prints the same here and on QEMU: kernels in C of the kinds written for `virt`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from support.budget import PLAIN
from support.gnu import Find, Outcome, qemu_system
from support.kernels.boot_kernels import DISK, Kernel, build, run_here, run_on_qemu
from support.paths import BOOT_KERNELS
from trapline.asm import assemble_text
from trapline.vm.cli.boot import boot_command
from trapline.vm.cli.main import main

KERNELS = (
    Kernel("probe", "M mode: CSRs that exist, keep or trap, PMP, timer, odd accesses, changed code"),
    Kernel("sv32", "every kind of page table entry, by M mode through MPRV"),
    Kernel("uart", "UART: reset, detection of the chip, loopback, accesses of each width", status=5),
    Kernel("nested", "vectored traps, an interrupt in an interrupt, priorities, wfi with interrupts off"),
    Kernel("tasks", "two tasks that the timer takes turns between"),
    Kernel("locks", "four harts: IPIs, ticket locks, lr/sc, AMOs, barriers", harts=4),
    Kernel("plic", "UART input through the PLIC, to M mode and to S mode", stdin=b"first line\nsecond one\n"),
    Kernel("xv6", "delegation, timer through SSIP, processes under Sv32 and a trampoline, two harts", harts=2),
    Kernel("devices", "interrupts between harts, output by interrupt, delegation to S mode", harts=3),
    Kernel("os", "S mode over SBI, Sv32, a disk", stdin=b"first\nsecond\n", disk=True, supervisor=True),
)
BOOTS = pytest.mark.skipif(not any("--append" in o.opts for o in boot_command.params), reason="no firmware yet")
TREE = Kernel("tree", "walks the device tree", harts=2)
# The plain Python engine has no time for those that wait for many ticks.
LONG = ("locks", "tasks", "xv6", "devices") if PLAIN else ()


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.name not in LONG], ids=str)
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


@BOOTS
def test_device_tree(tool: Find, tmp_path: Path) -> None:
    """A kernel finds everything in its device tree, whatever the order of nodes and properties."""
    elf = build(tool, TREE, tmp_path / "kernel")
    line = "console=ttyS0 one two"
    options = ["--bios", "none", "--append", line, "--memory", "16M", "--harts", "2", "--max-instructions", "5M"]
    ours = CliRunner().invoke(main, ["boot", str(elf), *options])
    assert ours.exit_code == 0, ours.output
    theirs = run_on_qemu(tool, TREE, elf, tmp_path, "-append", line)
    assert ours.stdout.splitlines() == theirs.decode().splitlines()


@BOOTS
def test_built_in_sbi(tool: Find, tmp_path: Path) -> None:
    """The S mode kernel over the built-in SBI prints what it prints on QEMU over the SBI of the tests."""
    (kernel,) = [k for k in KERNELS if k.supervisor]
    disk = tmp_path / "disk.img"
    disk.write_bytes(DISK)
    alone = build(tool, kernel, tmp_path / "alone", alone=True)
    options = ["--drive", f"file={disk}", "--memory", "16M", "--max-instructions", "5M"]
    ours = CliRunner().invoke(main, ["boot", str(alone), *options], input=kernel.stdin)
    assert ours.exit_code == 0, ours.output
    theirs = run_on_qemu(tool, kernel, build(tool, kernel, tmp_path / "kernel"), disk)
    assert ours.stdout.splitlines() == theirs.decode().splitlines()


def test_reset(tool: Find, tmp_path: Path) -> None:
    """0x7777 at the finisher: with -no-reboot the machine ends. (Without, see tests/vm/exits/test_reset.py.)"""
    text = "_start: li t0, 0x100000; li t1, 0x7777; sw t1, (t0); j ."
    elf = tmp_path / "kernel"
    elf.write_bytes(assemble_text(text, text_base=0x80000000).elf)
    assert qemu_system(tool, elf, "-no-reboot") == Outcome(b"", 0)
    result = CliRunner().invoke(main, ["boot", str(elf), "--no-reboot"])
    assert (result.exit_code, result.output) == (0, "")


def test_every_kernel_is_run() -> None:
    assert {k.name for k in (*KERNELS, TREE)} == {path.stem for path in BOOT_KERNELS.glob("*.c")}
