"""Programs that detect virtualization: their verdict on the bare machine, under each technique, and on a lie."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.gnu import Outcome, build, qemu_system
from support.paths import PROGRAMS
from trapline import Machine

RAM = 0x80000000
SOURCES = sorted((PROGRAMS / "sensitive").glob("detect-*.s"))
QEMU_TOO = ("detect-dirty", "detect-frames")
"""The others are about this machine's own names, CSRs and clock, or need Xleak."""

each = pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)


def isa_of(source: Path) -> str:
    (line,) = re.findall(r"^# isa: (\S+)$", source.read_text(encoding="utf-8"), re.M)
    return line


@each
def test_header(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    option = "" if isa_of(source) == "rv32ima" else f" --isa {isa_of(source)}"
    assert text.startswith(f"# {source.name} - can a guest ")
    for command in ("trapline boot", "trapline virt"):
        assert f"#   {command} programs/sensitive/{source.name}{option}" in text
    assert "# What it shows" in text and all(len(line) <= 120 for line in text.splitlines())


@each
def test_the_bare_machine_is_recognized(source: Path) -> None:
    from trapline.vm.cli.main import main

    result = CliRunner().invoke(main, ["boot", str(source), "--isa", isa_of(source), "--max-instructions", "1M"])
    expected = (PROGRAMS / "expected" / "sensitive" / f"{source.stem}.out").read_bytes()
    assert (result.stdout_bytes, result.exit_code) == (expected, 0) and expected == b"bare machine\n"


@pytest.mark.parametrize("name", QEMU_TOO)
def test_qemu_is_taken_for_a_bare_machine(name: str, tool, tmp_path: Path) -> None:
    elf = build(tool, [PROGRAMS / "sensitive" / f"{name}.s"], tmp_path / name, text_base=RAM)
    assert qemu_system(tool, elf) == Outcome(b"bare machine\n", 0)


@pytest.mark.parametrize(
    "name, label, change, said",
    [
        ("detect-identity", "main", lambda m: setattr(m.harts[0].h, "misa", 0x40141100), "misa: 40141100, expected"),
        ("detect-timing", "privileged", lambda m: m.advance_time(5), "ticks that are not 100 cycles each"),
        ("detect-frames", "main", lambda m: m.on_mmio(RAM + len(m.ram), 0x1000, Zeros()), "cause, as of a load,"),
        ("detect-csrs", "main", lambda m: m.csr.__setitem__("pmpcfg1", 0x80), "pmpcfg1: 1f1f1f80, expected"),
        ("detect-dirty", "look", lambda m: m.write(RAM + 0x212008, b"\xff"), "A and D before any access: 000000c0"),
        ("detect-selfmod", "popped", lambda m: m.write(m.symbols["popped"], b"\x73"), "the word of popf"),
    ],
)
def test_a_lie_is_noticed(name: str, label: str, change, said: str) -> None:
    """The effect of a careless hypervisor, produced by the host at a label of the program."""
    source = PROGRAMS / "sensitive" / f"{name}.s"
    machine = Machine.from_file(source, isa=isa_of(source), memory=128 << 20)
    machine.breakpoints = {machine.symbols[label]}
    machine.run(max_instructions=1_000_000)
    change(machine)
    machine.breakpoints = set()
    machine.run(max_instructions=1_000_000)
    output = machine.console.output.decode()
    assert said in output and output.endswith("virtual machine\n"), output


class Zeros:
    def load(self, offset: int, width: int) -> int:
        return 0

    def store(self, offset: int, width: int, value: int) -> bool:
        return True
