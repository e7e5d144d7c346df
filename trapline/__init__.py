"""A small RISC machine that you can put a hypervisor under.

    from trapline import Machine
    machine = Machine.from_source("_start: li a0, 42\\n ebreak")

`trapline.isa` declares the instruction set, `trapline.asm` assembles, `trapline.vm` runs and virtualizes.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trapline.asm import AsmError as AsmError
    from trapline.asm import Program as Program
    from trapline.asm import assemble as assemble
    from trapline.asm.disassembler.instruction import disassemble as disassemble
    from trapline.vm.exit import Exit as Exit
    from trapline.vm.exit import ExitReason as ExitReason
    from trapline.vm.loader.image import LoadError as LoadError
    from trapline.vm.machine import Machine as Machine
    from trapline.vm.process.process import Process as Process

_HOMES = {
    "AsmError": "trapline.asm",
    "Exit": "trapline.vm.exit",
    "ExitReason": "trapline.vm.exit",
    "LoadError": "trapline.vm.loader.image",
    "Machine": "trapline.vm.machine",
    "Process": "trapline.vm.process.process",
    "Program": "trapline.asm",
    "assemble": "trapline.asm",
    "disassemble": "trapline.asm.disassembler.instruction",
}

__all__ = [
    "AsmError", "Exit", "ExitReason", "LoadError", "Machine", "Process", "Program", "assemble", "disassemble",
]  # fmt: skip

_here = Path(__file__).resolve().parent
if not (_here / "isa").is_dir():
    # A checkout: isa/, asm/ and vm/ lie beside this folder, and are copied into it when a wheel is built.
    __path__.append(str(_here.parent))


def __getattr__(name: str) -> Any:
    # Imported on demand: `trapline --help` does not wait for numpy, nor a program for the assembler.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'trapline' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
