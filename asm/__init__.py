"""The assembler: GNU as's language for RV32IMA, linked into a static ELF in the same call.

A source's way through it:

    preprocess/     files to single statements: comments, `.S` files, macros, conditionals, includes
    parser.py       a statement's text to nodes (nodes.py), by grammar.lark
    assembler.py    each statement to its directive or instruction, which add to the source's unit (unit.py)
    directives/     `.word`, `.section`, `.align` ...
    line_rows.py    which source line each instruction comes from, if debuggers are to know
    instructions/   mnemonics to machine words; pseudo-instructions
    linker/         all units to one program: symbols, layout, addresses, relocation, the ELF file
    program.py      all of this in one call

diagnostics.py collects and prints the mistakes; disassembler/ goes the way back; elf/ is the file format.
"""

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
