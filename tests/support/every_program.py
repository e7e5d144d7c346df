"""Every program under programs/, as what it is run as: a kernel on the board, a program of Burrow, or a process.

`machine_programs` and `PROCESSES` together have all of them (`tests/vm/snapshot_file/test_every_program.py` checks it).
"""

from functools import cache
from pathlib import Path
from typing import Any

from support import warren
from support.burrow.build import MEMORY as BURROW_MEMORY
from support.burrow.build import build_script
from support.paths import PROGRAMS
from trapline.isa.isa_string import parse_isa
from trapline.vm.bench.programs import BOARD_PROGRAMS
from trapline.vm.boot.kernel_image import Kernel, from_elf
from trapline.vm.boot.memory_map import Request, make_plan
from trapline.vm.boot.recipe import Boot, MachineRecipe
from trapline.vm.experiments.sensitive import read_case
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.source import load_file

BURROW, C_KERNEL, WARREN = "kernels/burrow", "kernels", "hypervisors/warren"
_RAM = 0x80000000
_MEMORY = 4 << 20
_WALKED = 32 << 20
"""Bytes of RAM of bench/walk.s, whose pages lie far apart."""


def _names(*patterns: str) -> list[str]:
    return [str(path.relative_to(PROGRAMS)) for pattern in patterns for path in sorted(PROGRAMS.glob(pattern))]


PARTS = [
    "bench/process.s",
    *_names(f"{BURROW}/*.s", f"{BURROW}/user/*.s", f"{WARREN}/*.s", "firmware/*.s", "demos/*/*.s"),
]
"""Sources that are no programs by themselves: a kernel for another's code, Burrow's, what is in its file system, those
of Warren and the firmware, and what demos link with something else."""
BOARD = _names("boot/*.s", "sensitive/*.s", "guests/*.s", "bench/nano/*.s") + [f"bench/{n}.s" for n in BOARD_PROGRAMS]
"""Kernels in assembly."""
DEMOS = _names("demos/*.s")
"""Programs that Burrow starts."""
PROCESSES = [name for name in _names("*.s", "bench/*.s") if name not in (*BOARD, *PARTS)]
"""User programs."""


def described(program: str) -> tuple[str, int]:
    """ISA string, and bytes of RAM."""
    if program.startswith("sensitive/"):
        case = read_case(PROGRAMS / program)
        return case.isa, case.memory
    if program in DEMOS or program == BURROW:
        return "rv32ima", BURROW_MEMORY
    if program == WARREN:
        return "rv32ima", warren.script().memory_needed(_guests())
    return "rv32ima", _WALKED if program == "bench/walk.s" else _MEMORY


@cache
def _guests() -> list[Any]:
    """What is in Warren."""
    return [warren.guest(build_script().build("supervisor", init="hello"), memory=BURROW_MEMORY)]


@cache
def kernel(program: str) -> Kernel:
    """What is booted."""
    if program == BURROW:
        return from_elf(load_elf(build_script().build("plain")))
    if program == WARREN:
        return from_elf(load_elf(warren.script().build(_guests())))
    if program in DEMOS:
        elf = build_script().build(init=Path(program).stem, programs=[PROGRAMS / program])
        return from_elf(load_elf(elf))
    return from_elf(load_file(PROGRAMS / program, raw_base=_RAM))


def boot(program: str, technique: str, harts: int, drives: tuple[str, ...] = (), own: Kernel | None = None) -> Boot:
    """The machine that runs it. own: the kernel, where it is built elsewhere."""
    isa, memory = described(program)
    below = "sbi" if program == WARREN else "none"
    request = Request(parse_isa(isa), harts, (_RAM, memory), own or kernel(program), below)
    return Boot(program, MachineRecipe(isa, harts, memory, technique), make_plan(request), drives=drives)
