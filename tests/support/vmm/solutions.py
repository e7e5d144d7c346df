"""Altered copies of Warren, and the guests of the exercises with it."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.burrow.solutions import apply
from support.kernels.supervisor import over_sbi
from support.paths import PROGRAMS, TESTS
from support.warren import BASE, KERNELS, guest
from trapline import Machine
from trapline.asm import assemble

SOLUTIONS = TESTS / "programs/hypervisors/solutions"
MEGAPAGE = 1 << 22
MEMORY = 16 << 20


@cache
def kernel(name: str) -> bytes:
    """The ELF of a guest of the exercises."""
    elf: bytes = assemble([SOLUTIONS / f"{name}.s"], text_base=BASE, include_dirs=[SOLUTIONS, KERNELS]).elf
    return elf


def patched(patches: Sequence[str], folder: Path) -> Path:
    """The folder of a Warren with these patches, in a copy of what it includes."""
    for part in ("boot", "hypervisors/warren"):
        shutil.copytree(PROGRAMS / part, folder / part)
    (folder / "kernels/burrow").mkdir(parents=True)
    shutil.copy(PROGRAMS / "kernels/burrow/functions.inc", folder / "kernels/burrow")
    warren = folder / "hypervisors/warren"
    for patch in patches:
        apply((SOLUTIONS / f"{patch}.patch").read_text(encoding="utf-8"), warren)
    return warren


@contextmanager
def altered(patches: Sequence[str], without: str = "") -> Iterator[Any]:
    """The build.py of a Warren with these patches; without: a line of shadow.s that it does not have."""
    with TemporaryDirectory() as scratch:
        warren = patched(patches, Path(scratch))
        if without:
            path = warren / "shadow.s"
            text = path.read_text(encoding="utf-8")
            assert text.count(without) == 1, without
            path.write_text(text.replace(without, ""), encoding="utf-8")
        spec = util.spec_from_file_location("altered_warren", warren / "build.py")
        assert spec is not None and spec.loader is not None
        module = util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield module


def build(
    patches: Sequence[str], kernels: Mapping[str, bytes], *, memory: int = MEMORY, without: str = ""
) -> tuple[bytes, int]:
    """An altered Warren with guests, by name: its ELF, and the bytes of RAM that it needs.

    memory: bytes of RAM of each guest.
    """
    with altered(patches, without) as module:
        guests = [guest(elf, name, memory) for name, elf in kernels.items()]
        return module.build(guests), module.memory_needed(guests)


def run(elf: bytes, memory: int, limit: int = 20_000_000) -> tuple[str, Machine]:
    """What is printed by the time the machine has ended, with status 0, and the machine."""
    machine = over_sbi(elf, memory=memory + MEGAPAGE)
    exit = machine.run(max_instructions=limit)
    printed = machine.console.output.decode("latin-1")
    assert exit.reason.value == "halted" and exit.code == 0, (str(exit), printed)
    return printed, machine
