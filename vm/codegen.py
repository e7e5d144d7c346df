"""The engine's source text: the ISA's own functions and the generated run loop in one module.

Both engines run the same text. `numba` compiles it; `python` runs it as it is, over memoryviews.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from isa import system as isa_system
from isa import trap as isa_trap
from isa import word as isa_word
from vm import access, dispatch, emit, loop, mmu
from vm.collect import collect, compiled_text

NUMBA_PRELUDE = '''"""Generated from the instruction table; see vm/codegen.py. Safe to delete."""
from numba import njit, int64 as I64, uint64 as U64, uint32 as U32, uint16 as U16, uint8 as U8
'''
PYTHON_PRELUDE = '''"""Generated from the instruction table; see vm/codegen.py."""
I64 = U64 = U32 = U16 = U8 = int
'''
ENTRY_POINTS = ("run", "drop_code")
"""Functions that Python calls; only these are cached by numba, the rest is compiled into them."""


@cache
def engine_text() -> str:
    """The engine's functions, callees first, without prelude and decorators."""
    execute, _ = dispatch.emit_execute()
    functions: list[Callable[..., Any]] = [
        isa_word.s32, isa_word.u32, isa_word.divide, isa_word.remainder,
        isa_trap.take_trap, isa_trap.pending_interrupt,
        *(f.meaning for f in _system_instructions()),
        *emit.csr_functions(),
        mmu.refresh, mmu.fetch_offset, access.load_slow, access.store_slow, access.atomic_offset,
        access.ram_load, access.ram_store,
        loop.count_trap, loop.synchronize,
    ]  # fmt: skip
    parts = list(collect(functions).values())
    parts += [emit.emit_csr_read(), emit.CSR_ACCESS.strip(), emit.emit_csr_write(), emit.emit_decoder(), execute]
    known = set(collect(functions))
    parts += [text for name, text in collect([loop.run, loop.drop_code]).items() if name not in known]
    return "\n\n".join(parts) + "\n"


def _system_instructions() -> list[Any]:
    from isa import INSTRUCTIONS, Kind

    assert isa_system
    return [i for i in INSTRUCTIONS if i.kind is Kind.SYSTEM]


def _decorator(name: str) -> str:
    if name in ENTRY_POINTS:
        return "njit(cache=True, nogil=True, error_model='numpy')"
    # Wrappers for callers in Python and C would double the time to compile.
    return "njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model='numpy')"


def numba_text() -> str:
    """The module that numba compiles."""
    return NUMBA_PRELUDE + compiled_text(engine_text(), _decorator)


@cache
def python_module() -> dict[str, Any]:
    """The engine as plain Python: its functions by name."""
    names: dict[str, Any] = {}
    exec(compile(PYTHON_PRELUDE + engine_text(), "<trapline engine>", "exec"), names)
    return names


def cache_directory() -> Path:
    """Where generated source and compiled code are kept: $TRAPLINE_CACHE_DIR, else the user's cache folder.

    Falls back to a private temporary folder when that cannot be written.
    """
    chosen = os.environ.get("TRAPLINE_CACHE_DIR")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trapline"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="trapline-"))


def numba_source() -> tuple[Path, bool]:
    """The generated file, written if need be, and whether compiled code for it exists already."""
    text = numba_text()
    flavour = "b" if os.environ.get("NUMBA_BOUNDSCHECK") == "1" else ""
    tag = f"python{sys.version_info.major}{sys.version_info.minor}"
    name = f"engine_{hashlib.sha256((text + flavour + tag).encode()).hexdigest()[:16]}{flavour}"
    path = cache_directory() / f"{name}.py"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(text)
        partial.replace(path)
    compiled = any((path.parent / "__pycache__").glob(f"{name}.run-*.nbi"))
    return path, compiled
