"""Burrow, the operating system in programs/kernels/burrow, built once for each set of options."""

import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

from support.kernels.supervisor import over_sbi
from support.paths import BURROW, TESTS
from trapline import ExitReason, Machine

PROGRAMS = tuple(sorted((TESTS / "programs/burrow/programs").glob("*.s")))
"""User programs that only tests have; each kernel built here has them."""
MEMORY = 8 << 20


@cache
def build_script() -> ModuleType:
    """Burrow's build.py as a module."""
    spec = importlib.util.spec_from_file_location("burrow_build", BURROW / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def kernel(variant: str = "plain", programs: bool = True, **defines: int) -> bytes:
    """The ELF of Burrow, with the programs of the tests or without."""
    elf: bytes = build_script().build(variant, defines=defines, programs=PROGRAMS if programs else ())
    return elf


def machine(
    init: str = "shell",
    *,
    variant: str = "plain",
    programs: bool = True,
    period: int = 0,
    seed: int = 0,
    defines: Sequence[str] = (),
    **options: Any,
) -> Machine:
    """A machine that will run `init`, a name with arguments behind it.

    period: ticks in a time slice, 0 for the default; seed: not 0 for slices of random lengths; defines: symbols;
    options: of the machine.
    """
    symbols = dict.fromkeys(defines, 1)
    elf = kernel(variant, programs, **symbols)
    if variant == "supervisor":
        made = over_sbi(elf, **options)
    else:
        made = Machine.from_elf(elf, memory=MEMORY, **options)
    name, _, arguments = init.partition(" ")
    made.write(made.symbols["init_name"], name.encode().ljust(24, b"\0"))
    made.write(made.symbols["init_arguments"], arguments.encode().ljust(128, b"\0"))
    if period:
        made.write(made.symbols["timer_period"], period.to_bytes(4, "little"))
    made.write(made.symbols["random_seed"], seed.to_bytes(4, "little"))
    return made


def run(init: str = "shell", *, limit: int = 30_000_000, **options: Any) -> tuple[bytes, int, Machine]:
    """Its output, the machine's exit status, and the machine. It must end by itself."""
    made = machine(init, **options)
    exit = made.run(max_instructions=limit)
    assert exit.reason is ExitReason.HALT, (str(exit), made.console.output[-2000:])
    return made.console.output, exit.code, made
