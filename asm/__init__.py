"""The assembler: GNU as's language for RV32IMA, linked into a static ELF in the same call."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trapline.asm.diagnostics import AsmError
    from trapline.asm.preprocess.source_text import Text
    from trapline.asm.program import Program, assemble, assemble_text

__all__ = ["AsmError", "Program", "Text", "assemble", "assemble_text"]

_HOMES = {"AsmError": "trapline.asm.diagnostics", "Text": "trapline.asm.preprocess.source_text"}


def __getattr__(name: str) -> Any:
    # Imported on demand: `trapline isa`, `trapline disasm` and the loader need parts of this package, and no parser.
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "trapline.asm.program")), name)
    raise AttributeError(f"module 'trapline.asm' has no attribute '{name}'")
