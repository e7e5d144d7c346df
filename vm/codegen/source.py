"""What generated code is made from, and by whom it is compiled."""

import importlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

IR = "ir"
NUMBA = "numba"
"""Languages of what is compiled: LLVM IR, and Python for numba."""

COMPILER = "TRAPLINE_COMPILER"
"""The environment variable that has numba compile all of it: numba, or llvm, which is the default."""
_COMPILERS = {"llvm": False, NUMBA: True}


def wants_numba() -> bool:
    """Whether numba is to compile what could be written down as LLVM IR, too. Raises ValueError."""
    chosen = os.environ.get(COMPILER) or "llvm"
    if chosen not in _COMPILERS:
        raise ValueError(f"${COMPILER} is '{chosen}', which is not {' or '.join(_COMPILERS)}")
    return _COMPILERS[chosen]


@dataclass(frozen=True)
class Source:
    """Generated code: `function` of `module` answers what numba compiles, `entries` are its C functions.

    kind: what the object file's name begins with. ir: the function of `module_of_ir` that answers the same as LLVM IR,
    or raises UnknownConstructError; none where only numba compiles it.
    """

    kind: str
    module: str
    function: str
    entries: tuple[str, ...]
    module_of_ir: str = ""
    ir: str = ""

    @property
    def text(self) -> str:
        """The generated module."""
        return getattr(importlib.import_module(self.module), self.function)()

    def inputs(self) -> Iterator[tuple[str, str]]:
        """What can be compiled, best first: its language, and the text."""
        if self.ir and not wants_numba():
            from trapline.vm.codegen.ir_kinds import UnknownConstructError

            with suppress(UnknownConstructError):
                yield IR, getattr(importlib.import_module(self.module_of_ir), self.ir)()
        yield NUMBA, self.text
