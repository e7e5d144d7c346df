"""The compiled engine: made once by LLVM, kept as an object file, and loaded.

To find and load it takes some 6 ms. It is kept under a name made of everything that it depends on: our sources,
versions, and the processor.
"""

import ctypes
import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from trapline.isa.table import added, derived
from trapline.vm.codegen.announce import Announce
from trapline.vm.codegen.cache import find, read, source_key, store
from trapline.vm.codegen.cache_folders import folder_of_sources
from trapline.vm.codegen.link import link
from trapline.vm.codegen.source import NUMBA, Source, wants_numba

_TEXT, _IR = "trapline.vm.codegen.engine_text", "trapline.vm.codegen.engine_ir"
ENGINE = Source("engine", _TEXT, "unstopped_text", ("run_entry", "drop_code_entry"), _IR, "unstopped_ir")
STOPPING_ENGINE = Source("stopping", _TEXT, "numba_text", ENGINE.entries, _IR, "stopping_ir")
"""The one that breakpoints, watchpoints and catches need."""


@derived
def engine_key() -> str:
    """A name for the compiled engine: a digest of what it is made from.

    That is our sources, the platform and the compiler; with plugins also the engine's text, which has all that they
    brought.
    """
    plain = f"{source_key()} {NUMBA}" if wants_numba() else source_key()
    if not added():
        return plain
    return hashlib.sha256(f"{plain}\n{ENGINE.text}".encode()).hexdigest()[:20]


def is_compiled() -> bool:
    """Whether the compiled engine is in the cache."""
    return find(ENGINE.kind, engine_key()) is not None


def load(source: Source, key: str, announce: Announce | None = None) -> list[int]:
    """Addresses of the entries of generated code, from its object file or compiled now.

    key: a digest of what the code depends on. announce: entered while it is compiled.
    """
    found = read(source.kind, key)
    if found is None:
        from trapline.vm.codegen.compiler import compiled

        with announce(source.kind) if announce is not None else nullcontext():
            found = compiled(source)
        store(source.kind, key, *found)
    return link(*found)


def warm(
    source: Source, key: str, portable: bool = False, announce: Announce | None = None
) -> tuple[Path | None, bool]:
    """Compile ahead what `load` would: the file, None where none can be written, and whether it was made now.

    portable: for every processor of this architecture, not this computer's alone.
    """
    found = find(source.kind, key, (portable,))
    if found is not None:
        return found[0], False
    from trapline.vm.codegen.compiler import compiled

    with announce(source.kind) if announce is not None else nullcontext():
        made = compiled(source, portable)
    return store(source.kind, key, *made, portable=portable), True


Entries = tuple[Callable[..., int], Callable[..., int]]
_LINKED: dict[str, Entries] = {}
"""The engines of this process, by kind and key."""


def functions(announce: Announce | None = None, source: Source = ENGINE) -> Entries:
    """`run_entry` and `drop_code_entry` of `vm.codegen.engine_text` as foreign functions.

    They take one address for all of the memory: ctypes needs longer for ten arguments than the engine for a short run.
    announce: entered while the engine is compiled, which takes some 5 s. source: ENGINE or STOPPING_ENGINE.
    """
    key = engine_key()
    name = f"{source.kind} {key}"
    if name not in _LINKED:
        run, drop = load(source, key, announce)
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        _LINKED[name] = (
            ctypes.CFUNCTYPE(integer, pointer, integer)(run),
            ctypes.CFUNCTYPE(integer, pointer, integer, integer)(drop),
        )
    return _LINKED[name]


@derived
def checked_functions() -> ModuleType:
    """The engine compiled with bounds checks (NUMBA_BOUNDSCHECK=1), called through numba: it can raise."""
    from trapline.vm.codegen.compiler import import_text
    from trapline.vm.codegen.engine_text import numba_text

    return import_text(numba_text(entries=False), folder_of_sources())
