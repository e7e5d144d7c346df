"""The assembler: GNU as's language for RV32IMA, linked into a static ELF in the same call."""

from typing import TYPE_CHECKING, Any

from trapline.asm.diagnostics import AsmError
from trapline.asm.preprocess.source_text import Text

if TYPE_CHECKING:
    from trapline.asm.program import Program, assemble, assemble_text

__all__ = ["AsmError", "Program", "Text", "assemble", "assemble_text"]


def __getattr__(name: str) -> Any:
    # Imported on demand: `trapline isa` and `trapline disasm` need parts of this package, and no parser.
    if name in __all__:
        from trapline.asm import program

        return getattr(program, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
