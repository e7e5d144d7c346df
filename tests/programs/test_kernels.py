"""The kernel in C under programs/kernels: built by gcc, or by zig from PyPI, it prints the same here and on QEMU."""

import os
import subprocess
from pathlib import Path

import pytest

from support.gnu import Find, Outcome, qemu_system
from support.kernels.c_kernel import build, compiler
from support.kernels.supervisor import over_sbi
from support.paths import PROGRAMS
from support.qemu.firmware import qemu_over_sbi
from trapline import ExitReason, Machine
from trapline.vm.hypervisor.technique import TECHNIQUES
from trapline.vm.loader.compressed import first_compressed
from trapline.vm.loader.files import load_elf

EXPECTED = (PROGRAMS / "expected/kernels.out").read_bytes()
SOURCES = sorted(p for p in (PROGRAMS / "kernels").iterdir() if p.is_file())


@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_kernel_in_c(name: str, tool: Find, tmp_path: Path) -> None:
    elf = build(compiler(name, tool), tmp_path / "kernel.elf")
    machine = Machine.from_elf(elf.read_bytes(), memory=1 << 20)
    exit = machine.run(max_instructions=5_000_000)
    assert (exit.reason, exit.code, machine.console.output) == (ExitReason.HALT, 0, EXPECTED)
    assert qemu_system(tool, elf) == Outcome(EXPECTED, 0)
    assert qemu_system(tool, elf, "-cpu", "rv32", "-smp", "4") == Outcome(EXPECTED, 0), "QEMU's own defaults"


@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_kernel_in_c_over_an_sbi(name: str, tool: Find, tmp_path: Path) -> None:
    """In S mode it prints the same, but for the mode that it names."""
    elf = build(compiler(name, tool), tmp_path / "kernel.elf", supervisor=True)
    machine = over_sbi(elf.read_bytes())
    exit = machine.run(max_instructions=5_000_000)
    expected = EXPECTED.replace(b"M mode", b"S mode")
    assert (exit.reason, exit.code, machine.console.output) == (ExitReason.HALT, 0, expected)
    assert qemu_over_sbi(tool, elf) == Outcome(expected, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_kernel_in_c_of_compressed_instructions(name: str, tool: Find, tmp_path: Path) -> None:
    """As compilers make it when they are not asked: the same bare, under every technique, and on QEMU."""
    elf = build(compiler(name, tool), tmp_path / "kernel.elf", compressed=True)
    assert qemu_system(tool, elf, "-cpu", "rv32") == Outcome(EXPECTED, 0)
    image = load_elf(elf)
    assert first_compressed(image) is not None
    for technique in TECHNIQUES:
        machine = Machine(memory=1 << 20, isa="rv32imac", technique=technique)
        machine.load(image)
        exit = machine.run(max_instructions=5_000_000)
        assert (exit.reason, exit.code, machine.console.output) == (ExitReason.HALT, 0, EXPECTED), technique


@pytest.mark.slow
def test_kernel_in_c_of_compressed_instructions_over_an_sbi(tool: Find, tmp_path: Path) -> None:
    """In S mode, bare and with its pages under every technique."""
    elf = build(compiler("gcc", tool), tmp_path / "kernel.elf", supervisor=True, compressed=True).read_bytes()
    expected = EXPECTED.replace(b"M mode", b"S mode")
    for technique in TECHNIQUES:
        machine = over_sbi(elf, isa="rv32imac", technique=technique)
        exit = machine.run(max_instructions=5_000_000)
        assert (exit.reason, exit.code, machine.console.output) == (ExitReason.HALT, 0, expected), technique


DIVIDES = """
static volatile unsigned long long big = 1000000014000000049ull;

void kernel_main(void) {
    unsigned answer = (unsigned)(big / 1000000007u);
    *(volatile unsigned *)0x100000 = answer == 1000000007u ? 0x5555 : 0x13333;
    for (;;) continue;
}
"""


@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_what_the_compiler_calls_is_linked(name: str, tool: Find, tmp_path: Path) -> None:
    """A 64-bit division, for which RV32 has no instruction, in a user's own folder."""
    for shared in ("kernel.ld", "start.S"):
        (tmp_path / shared).write_text((PROGRAMS / "kernels" / shared).read_text())
    (tmp_path / "divides.c").write_text(DIVIDES)
    elf = build(compiler(name, tool), tmp_path / "kernel.elf", tmp_path)
    exit = Machine.from_elf(elf.read_bytes(), memory=1 << 20).run(max_instructions=10_000)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 0)


def test_build_says_what_is_missing(tmp_path: Path) -> None:
    script = str(PROGRAMS / "kernels/build.sh")
    for path, folder, message in (
        (os.environ["PATH"], tmp_path, "has no kernel.ld"),
        (str(tmp_path), PROGRAMS / "kernels", "pip install ziglang"),
    ):
        # The second PATH has only what the script itself needs.
        for needed in ("dirname", "basename", "mktemp", "rm"):
            (tmp_path / needed).exists() or (tmp_path / needed).symlink_to(f"/usr/bin/{needed}")
        environment = {"PATH": path}
        done = subprocess.run(
            ["/bin/sh", script, "kernel.elf", str(folder)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_each_file_says_what_it_is(source: Path) -> None:
    text = source.read_text()
    first = text.removeprefix("#!/bin/sh\n").partition("\n")[0].lstrip("/*# ")
    assert first.startswith(f"{source.name} - "), first
    assert all(len(line) <= 120 for line in text.splitlines())
