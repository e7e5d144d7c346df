"""The engine's source text: the ISA's own functions and the generated run loop in one module.

Both engines run the same text. `numba` compiles it; `python` runs it as it is, over memoryviews.
"""

import re
from collections.abc import Callable

from trapline.isa.table import derived
from trapline.isa.word import s32
from trapline.vm.codegen import csr_file, decoder, sensitive_instructions, translated_words, values_apart
from trapline.vm.codegen.collect import (
    NUMBA_CONVERSIONS,
    PYTHON_CONVERSIONS,
    Definition,
    Provided,
    collect,
    compiled_text,
)
from trapline.vm.codegen.splice import spliced_execute
from trapline.vm.core import execute, loop
from trapline.vm.core import generated as core
from trapline.vm.hypervisor import dispatcher, events
from trapline.vm.hypervisor import generated as hypervisor
from trapline.vm.translator import generated as translator
from trapline.vm.translator import pages

NUMBA_PRELUDE = f'''"""Generated from the instruction table; see vm/codegen/engine_text.py. Safe to delete."""
import numpy as np
from llvmlite.ir import FunctionType
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic
{NUMBA_CONVERSIONS}
from trapline.isa.sv32 import PAGE, PAGE_WORDS
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.core.hart import HART, MACHINE
from trapline.vm.core.stops import TABLE_WORDS


@intrinsic
def pointer(typing, address):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))
    return types.voidptr(types.int64), generate


@intrinsic
def address_of_registers(typing, record):
    def generate(context, builder, signature, arguments):
        return builder.ptrtoint(arguments[0], context.get_value_type(types.int64))
    return types.int64(record), generate


@intrinsic
def call_door(typing, door, hart, left, pc, vbase, entry):
    def generate(context, builder, signature, arguments):
        integer = context.get_value_type(types.int64)
        function = FunctionType(integer, [integer] * 5)
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), arguments[1:])
    return types.int64(*[types.int64] * 6), generate


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, error_model='numpy')
def words_at(address, count):
    return carray(pointer(address), (count,), np.int64)


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, error_model='numpy')
def bytes_at(address, count):
    return carray(pointer(address), (count,), np.uint8)
'''
PYTHON_PRELUDE = f"{PYTHON_CONVERSIONS}\n"
MEMORY = ("harts", "machine", "ram", "code", "page", "harts_there", "machines", "count", "pages")
"""What the entries find at the address of their first argument, each in 64 bits: five addresses, then numbers."""
NUMBA_ENTRIES = f"""
@cfunc(types.int64(types.voidptr, types.int64))
def run_entry(memory, budget):
    {", ".join(MEMORY)} = carray(memory, ({len(MEMORY)},), np.int64)
    return run(
        carray(pointer(harts), (harts_there,), HART), carray(pointer(machine), (machines,), MACHINE),
        carray(pointer(ram), (pages * PAGE,), np.uint8),
        carray(pointer(ram), (pages * PAGE_WORDS * 2,), np.uint16),
        carray(pointer(ram), (pages * PAGE_WORDS,), np.uint32),
        carray(pointer(code), (pages * CODE_ENTRIES + BEHIND_CODE,), np.int64),
        carray(pointer(page), (pages,), np.uint8), count, budget,
    )


@cfunc(types.int64(types.voidptr, types.int64, types.int64))
def drop_code_entry(memory, first, number):
    {", ".join(MEMORY)} = carray(memory, ({len(MEMORY)},), np.int64)
    drop_code(
        carray(pointer(code), (pages * CODE_ENTRIES,), np.int64),
        carray(pointer(page), (pages,), np.uint8), first, number,
    )
    return 0
"""
LOG_TEST = "m.stops & LOG_"
"""How each test of the log of events begins (`vm.core.event_log`)."""
BEHIND_CODE = {True: "RING_WORDS + TABLE_WORDS", False: "TABLE_WORDS"}
"""What `code` has behind the decoded instructions, as an engine with stops knows it, and as one that looks at none."""
ENTRY_POINTS = ("run", "drop_code")
"""Functions that the host calls: by address in the object file, by name under NUMBA_BOUNDSCHECK."""


def provided() -> Provided:
    """What the functions that are only declared in `vm.core` and `vm.hypervisor` are."""
    generated = Definition.generated
    csrs = csr_file.csr_functions()
    return {
        execute.execute: spliced_execute(),
        core.decode_word: generated(decoder.emit_decode_word(), core.decode_long, core.expand_parcel, core.short_form),
        core.decode_long: generated(decoder.emit_decode_long(), s32),
        core.expand_parcel: generated(decoder.emit_expand_parcel()),
        core.short_form: generated(decoder.emit_short_form()),
        core.value_apart: values_apart.value_apart(),
        core.csr_read: generated(csr_file.emit_csr_read(), *csrs),
        core.csr_write: generated(csr_file.emit_csr_write(), *csrs),
        core.csr_held: generated(csr_file.emit_csr_held(), *csrs),
        core.csr_is_inert: generated(csr_file.emit_csr_is_inert()),
        core.dispatch: dispatcher.dispatch,
        core.steps_to_sample: pages.steps_to_sample,
        core.sample: pages.sample,
        core.enter_translated: pages.enter_translated,
        translator.words_at: None,
        translator.bytes_at: None,
        translator.address_of_registers: None,
        translator.call_door: None,
        hypervisor.copy_supervisor: generated(csr_file.emit_copy_supervisor()),
        hypervisor.save_csrs: generated(csr_file.emit_save_csrs(), events.put_wide),
        hypervisor.is_sensitive: generated(sensitive_instructions.emit_is_sensitive()),
        hypervisor.begins_sensitive: generated(sensitive_instructions.emit_begins_sensitive()),
        hypervisor.translate_word: generated(translated_words.emit_translate_word()),
        hypervisor.ends_block: generated(translated_words.emit_ends_block()),
    }


@derived
def engine_text() -> str:
    """The engine's functions, callees first and `execute` before the loop around it, without prelude and decorators."""
    return _text(None)


@derived
def _text_without_log() -> str:
    return _text(LOG_TEST)


def _text(left_out: str | None) -> str:
    return "\n\n".join(collect([execute.execute, loop.run, loop.drop_code], provided(), left_out).values()) + "\n"


def _decorators(text: str) -> Callable[[str], str]:
    """How each function of the engine's text is to be compiled.

    Numba counts references to arrays in every call, although these are the host's and outlive it: dozens of times for
    one exit. What `execute` is made of keeps that, as its registers are allocated worse without; what comes behind it,
    the run loop and the hypervisor, does not. Every function is marked explicitly, since callees inherit their
    caller's setting. A call there passes some forty words, seven for each array, so what is called from one place only
    is inlined.
    """
    behind = set(re.findall(r"^def (\w+)", text.partition("\ndef execute(")[2], re.M))

    def decorator(name: str) -> str:
        counting = f"error_model='numpy', _nrt={name not in behind}"
        if name in ENTRY_POINTS:
            return f"njit(cache=CACHE, {counting})"
        inlined = name in behind and len(re.findall(rf"(?<!def )\b{name}\(", text)) == 1
        # Wrappers for callers in Python and C would double the time to compile.
        return f"njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline={inlined}, {counting})"

    return decorator


def plain_text(stops: bool) -> str:
    """The engine's text, or what machines without stops and without a log of events need of it.

    Even a test that is never true costs some per cent, by how registers are allocated around it. That of the stops
    (`vm.core.stops`) are all false; those of the log (`vm.core.event_log`) are not there, nor what they decide.
    """
    return engine_text() if stops else re.sub(r"\bm\.stops\b", "0", _text_without_log())


def unstopped_text() -> str:
    """`numba_text` for machines without stops."""
    return numba_text(stops=False)


def numba_text(entries: bool = True, stops: bool = True) -> str:
    """The module that numba compiles; with `entries`, also the functions that take addresses."""
    # Entries are kept as an object file (`vm.codegen.native`), the checked engine in numba's own cache.
    engine = plain_text(stops)
    text = f"{NUMBA_PRELUDE}CACHE = {not entries}\n" + compiled_text(engine, _decorators(engine))
    return text + (NUMBA_ENTRIES.replace("BEHIND_CODE", BEHIND_CODE[stops]) if entries else "")
