"""The assembler: GNU as's language for RV32IMA, linked into a static ELF in the same call."""

from asm.errors import AsmError
from asm.program import Program, assemble, assemble_text
from asm.source import Text

__all__ = ["AsmError", "Program", "Text", "assemble", "assemble_text"]
