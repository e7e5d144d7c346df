"""Warren, the hypervisor in programs/hypervisors/warren, with guests in it, to any depth."""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from support.kernels.supervisor import over_sbi
from support.paths import TESTS, WARREN
from trapline import Machine
from trapline.asm import assemble, assemble_text

KERNELS = TESTS / "programs/hypervisors/guests"
"""Small kernels in S mode that only tests run."""
BASE = 0x80400000


@cache
def script() -> ModuleType:
    """Warren's build.py as a module."""
    spec = importlib.util.spec_from_file_location("warren_build", WARREN / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def guest(kernel: bytes | Path, name: str = "guest", memory: int = 16 << 20, append: str | None = None) -> Any:
    """A guest as build.py takes it."""
    return script().Guest(kernel, name, memory, append)


@cache
def kernel(name: str) -> bytes:
    """The ELF of one of the small kernels."""
    elf: bytes = assemble([KERNELS / f"{name}.s"], text_base=BASE).elf
    return elf


def written(text: str) -> bytes:
    """The ELF of a kernel given as its source; without `_start`, it begins at its first line."""
    start = "" if "_start:" in text else "_start:\n"
    elf: bytes = assemble_text(f"    .globl _start\n{start}{text}\n", text_base=BASE).elf
    return elf


def nested(guests: Sequence[Any], depth: int, defines: Mapping[str, object] | None = None) -> tuple[bytes, int]:
    """The ELF of the outermost of `depth` Warrens, and the bytes of RAM that it needs; at depth 0 the guest itself."""
    build = script()
    if depth == 0:
        (bare,) = guests
        return bare.kernel, bare.memory
    elf, memory = build.build(guests, defines), build.memory_needed(guests)
    for level in range(1, depth):
        outer = guest(elf, f"level {level}", memory)
        elf, memory = build.build([outer], defines), build.memory_needed([outer])
    return elf, memory


def machine(
    guests: Sequence[Any], depth: int = 1, defines: Mapping[str, object] | None = None, **options: Any
) -> Machine:
    """A machine that is about to enter the outermost Warren."""
    elf, memory = nested(guests, depth, defines)
    return over_sbi(elf, **{"memory": memory, **options})


def run(guests: Sequence[Any], depth: int = 1, *, limit: int = 200_000_000, **options: Any) -> tuple[bytes, int]:
    """What is printed, and the status at the end, which must come by itself."""
    made = machine(guests, depth, **options)
    exit = made.run(max_instructions=limit)
    assert exit.reason.value == "halted", (str(exit), made.console.output[-2000:])
    return made.console.output, exit.code
