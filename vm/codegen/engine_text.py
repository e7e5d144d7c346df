"""The engine's source text: the ISA's own functions and the generated run loop in one module.

Both engines run the same text. `numba` compiles it; `python` runs it as it is, over memoryviews.
"""

import re
from collections.abc import Callable
from typing import Any

from trapline.isa import system as isa_system
from trapline.isa import trap as isa_trap
from trapline.isa import word as isa_word
from trapline.isa.table import derived
from trapline.vm.codegen import emit
from trapline.vm.codegen.collect import collect, compiled_text
from trapline.vm.codegen.execute import emit_execute
from trapline.vm.core import access, code_pages, loop, mmu
from trapline.vm.hypervisor import dispatcher, events

NUMBA_PRELUDE = '''"""Generated from the instruction table; see vm/codegen/engine_text.py. Safe to delete."""
import numpy as np
from numba import carray, cfunc, njit, types
from numba import int64 as I64, uint64 as U64, uint32 as U32, uint16 as U16, uint8 as U8
from trapline.vm.core.hart import HART, MACHINE
'''
PYTHON_PRELUDE = "from trapline.vm.core.ints import I64, U8, U16, U32, U64\n"
NUMBA_ENTRIES = """
@cfunc(types.int64(*[types.voidptr] * 5, *[types.int64] * 5))
def run_entry(harts, machine, ram, code, page, harts_there, machines, count, pages, budget):
    return run(
        carray(harts, (harts_there,), HART), carray(machine, (machines,), MACHINE),
        carray(ram, (pages * 4096,), np.uint8),
        carray(ram, (pages * 2048,), np.uint16), carray(ram, (pages * 1024,), np.uint32),
        carray(code, (pages * 1025,), np.int64), carray(page, (pages,), np.uint8), count, budget,
    )


@cfunc(types.int64(types.voidptr, types.voidptr, *[types.int64] * 3))
def drop_code_entry(code, page, pages, first, count):
    drop_code(carray(code, (pages * 1025,), np.int64), carray(page, (pages,), np.uint8), first, count)
    return 0
"""
ENTRY_POINTS = ("run", "drop_code")
"""Functions that the host calls: by address in the object file, by name under NUMBA_BOUNDSCHECK."""


@derived
def engine_text() -> str:
    """The engine's functions, callees first, without prelude and decorators."""
    execute, called = emit_execute()
    functions: list[Callable[..., Any]] = [
        isa_word.s32, isa_word.u32, isa_word.divide, isa_word.remainder,
        isa_trap.take_trap, isa_trap.pending_interrupt,
        *(f.meaning for f in _system_instructions()),
        *called,
        *emit.csr_functions(),
        mmu.refresh, code_pages.follow_code, mmu.fetch_offset, mmu.load_allowed, mmu.real_address,
        access.load_slow, access.store_slow, access.atomic_offset,
        access.ram_load, access.ram_store,
        loop.count_trap, loop.synchronize,
    ]  # fmt: skip
    parts = list(collect(functions).values())
    parts += [
        emit.emit_csr_read(),
        emit.CSR_ACCESS.strip(),
        emit.emit_csr_held(),
        emit.emit_csr_write(),
        emit.emit_decoder(),
        emit.emit_supervisor_switch(),
        events.emit_save_csrs(),
        emit.emit_is_sensitive(),
        emit.emit_translate_word(),
        emit.emit_ends_block(),
        execute,
    ]
    known = set(collect(functions))
    # All of them again, so that namesakes are seen across the two halves.
    whole = collect([*functions, dispatcher.dispatch, loop.run, loop.drop_code])
    parts += [text for name, text in whole.items() if name not in known]
    return "\n\n".join(parts) + "\n"


def _system_instructions() -> list[Any]:
    from trapline.isa import INSTRUCTIONS, Kind

    assert isa_system
    return [i for i in INSTRUCTIONS if i.kind is Kind.SYSTEM]


def _decorators(text: str) -> Callable[[str], str]:
    """How each function of the engine's text is to be compiled.

    Numba counts references to arrays in every call, although these are the host's and outlive it: dozens of times for
    one exit. What `execute` is made of keeps that, as its registers are allocated worse without; what comes behind it,
    the run loop and the hypervisor, does not. All are told, because callees would inherit what their caller is told.
    """
    behind = set(re.findall(r"^def (\w+)", text.partition("\ndef execute(")[2], re.M))

    def decorator(name: str) -> str:
        counting = f"error_model='numpy', _nrt={name not in behind}"
        if name in ENTRY_POINTS:
            return f"njit(cache=CACHE, {counting})"
        # Wrappers for callers in Python and C would double the time to compile.
        return f"njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, {counting})"

    return decorator


def numba_text(entries: bool = True) -> str:
    """The module that numba compiles; with `entries`, also the functions that take addresses."""
    # Entries are kept as an object file (`vm.codegen.native`), the checked engine in numba's own cache.
    engine = engine_text()
    text = f"{NUMBA_PRELUDE}CACHE = {not entries}\n" + compiled_text(engine, _decorators(engine))
    return text + (NUMBA_ENTRIES if entries else "")


@derived
def python_module() -> dict[str, Any]:
    """The engine as plain Python: its functions by name."""
    names: dict[str, Any] = {}
    exec(compile(PYTHON_PRELUDE + engine_text(), "<trapline engine>", "exec"), names)
    return names
