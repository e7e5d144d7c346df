"""The compiled engine: made once by numba, kept as an object file, loaded without importing numba.

Importing numba and loading its cache takes about 0.6 s, loading an object file through llvmlite 0.05 s:
that is most of the time of a short program. The object is exactly what numba compiled; it is kept under a
name made of everything that it depends on: our sources, versions, and the processor.
"""

import atexit
import ctypes
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from trapline.isa.instruction import DeclarationError
from trapline.isa.table import added, derived

PACKAGE = Path(__file__).parents[2]
SOURCES = ("isa", "vm/core", "vm/codegen", "vm/hypervisor")
"""Folders whose files the compiled code depends on; not their subfolders."""


@dataclass(frozen=True)
class Source:
    """Generated code that numba compiles: `function` of `module` answers its text, `entries` are its C functions.

    kind: what the object file's name begins with.
    """

    kind: str
    module: str
    function: str
    entries: tuple[str, ...]

    @property
    def text(self) -> str:
        """The generated module."""
        return getattr(importlib.import_module(self.module), self.function)()


ENGINE = Source("engine", "trapline.vm.codegen.engine_text", "numba_text", ("run_entry", "drop_code_entry"))

Announce = Callable[[], AbstractContextManager[None]]

KEPT = 8
"""Object files of a kind that stay in the cache folder; when one is added, those not used for longest are removed."""

# Symbols of numba's runtime that the object names and that nothing reachable calls: no function of the
# engine allocates or raises.
_UNREACHABLE = (
    "NRT_Free", "NRT_MemInfo_call_dtor", "NRT_Allocate", "numba_do_raise", "numba_gil_ensure", "numba_gil_release",
    "numba_runtime_build_excinfo_struct", "numba_unpickle",
)  # fmt: skip


def cache_directory() -> Path:
    """Where compiled code is kept: $TRAPLINE_CACHE_DIR, else `trapline` in the user's cache folder.

    Falls back to a temporary folder of its own when that cannot be written.
    """
    chosen = os.environ.get("TRAPLINE_CACHE_DIR")
    try:
        base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trapline"
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except (OSError, RuntimeError):
        pass  # RuntimeError: a user without a home folder
    return _temporary_directory()


@cache
def _temporary_directory() -> Path:
    folder = tempfile.mkdtemp(prefix="trapline-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@derived
def engine_key() -> str:
    """A name for the compiled engine: a digest of what it is made from.

    That is our sources and the platform; with plugins also the engine's text, which has all that they brought.
    """
    plain = source_key()
    if not added():
        return plain
    return hashlib.sha256(f"{plain}\n{ENGINE.text}".encode()).hexdigest()[:20]


@cache
def source_key() -> str:
    """A name for what is compiled from our own sources, whatever plugins there are."""
    import llvmlite.binding as llvm

    total = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((PACKAGE / folder).glob("*.py")):
            total.update(path.read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    for part in (sys.version, version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), features):
        total.update(part.encode() + b"\0")
    return total.hexdigest()[:20]


def is_compiled() -> bool:
    """Whether the compiled engine is in the cache."""
    return (cache_directory() / f"engine-{engine_key()}.o").exists()


def _import_text(text: str, folder: Path) -> ModuleType:
    """Import generated source; numba wants a file that it can read the source from."""
    path = folder / f"trapline_engine_{hashlib.sha256(text.encode()).hexdigest()[:20]}.py"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(text)
        partial.replace(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _compile(text: str, names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The object file of a generated module, and the symbols of its entries of these names."""
    from numba.core.registry import cpu_target

    with tempfile.TemporaryDirectory(prefix="trapline-") as folder:
        module = _import_text(text, Path(folder))
    machine = cpu_target.target_context.codegen()._tm
    entries = [getattr(module, name) for name in names]
    libraries = [entry._library._final_module for entry in entries]
    # The second entry's functions are part of the first module's text as well, so two objects are kept.
    objects = [machine.emit_object(library) for library in libraries]
    return _pack(objects), [entry.native_name for entry in entries]


# It ends with whoever waits for it, even one that was killed before it could end anything: that closes its input.
# The text is given to it, because it knows of no plugins.
_APART = """import os, sys, threading
threading.Thread(target=lambda: os._exit(len(os.read(0, 1))), daemon=True).start()
file, entries = sys.argv[1:3]
sys.path[:] = sys.argv[3:]
from trapline.vm.codegen import native
native._leave_calls_out()
sys.stdout.buffer.write(native._sealed(*native._compile(open(file, encoding="utf-8").read(), entries.split())))
sys.stdout.flush()
os._exit(0)
"""


def _leave_calls_out() -> None:
    """Leave out what numba does to call functions from here on: for a process that only keeps what it compiles.

    Numba makes machine code of each function for callers in Python, but we keep that of the entries only, and make
    it ourselves: a fifth of the time. A twentieth is the garbage collector's, which finds next to nothing. These are
    insides of numba's: where they have other names nothing is left out, and where they do not go together the process
    fails and its parent compiles.
    """
    import gc

    from numba.core import codegen

    def no_address(library: Any, name: str) -> int:
        library._ensure_finalized()  # linked and optimized, which callees are inlined from
        return 0

    libraries: Any = codegen.JITCodeLibrary
    libraries.get_pointer_to_function = no_address
    libraries._finalize_specific = lambda library: None
    generators: Any = codegen.JITCPUCodegen
    generators.set_env = lambda generator, name, env: None
    gc.set_threshold(100_000, 20, 20)


def _compile_apart(source: Source) -> tuple[bytes, list[str]]:
    """What `_compile` answers, made by a process of its own, which ends at once when this one is interrupted.

    In this process LLVM would be in the way of Ctrl-C: it answers late, and where it calls Python back ctypes
    prints the KeyboardInterrupt and goes on. Variables of numba's, such as NUMBA_DISABLE_JIT, do not reach the
    process: its result is kept for runs without them. Where no such process can be had, compiles in this one.

    Numba goes through sets of names, in an order that Python draws anew for each process: with a fixed seed the object
    file is the same each time, and as fast.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment["PYTHONHASHSEED"] = "0"
    text = source.text
    with tempfile.NamedTemporaryFile("w", prefix="trapline-", suffix=".py", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", _APART, file.name, " ".join(source.entries), *sys.path], env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError):
            return _compile(text, source.entries)
        assert process.stdin is not None and process.stdout is not None
        try:
            body = process.stdout.read()
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
    return _unsealed(body) or _compile(text, source.entries)


def _compiled(source: Source) -> tuple[bytes, list[str]]:
    """The object file and symbols. Raises DeclarationError for a plugin that numba cannot compile."""
    try:
        return _compile_apart(source)
    except Exception as error:
        if not added() or not type(error).__module__.startswith("numba."):
            raise
        sources = ", ".join(addition.source for addition in added())
        reason = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), type(error).__name__)
        raise DeclarationError(f"{sources}: numba cannot compile it ({reason}); --engine python can run it") from None


def _sealed(data: bytes, symbols: list[str]) -> bytes:
    """The content of an object file in the cache: a digest, the symbols of the entries, the objects."""
    header = "\n".join(symbols).encode() + b"\n\n"
    return hashlib.sha256(header + data).digest() + header + data


def _unsealed(body: bytes) -> tuple[bytes, list[str]] | None:
    """What `_sealed` was given, None when the content is damaged."""
    if hashlib.sha256(body[32:]).digest() != body[:32]:
        return None
    header, _, data = body[32:].partition(b"\n\n")
    return data, header.decode().split("\n")


def _pack(objects: list[bytes]) -> bytes:
    return b"".join(len(o).to_bytes(8, "little") + o for o in objects)


def _unpack(data: bytes) -> list[bytes]:
    objects = []
    while data:
        size = int.from_bytes(data[:8], "little")
        objects.append(data[8 : 8 + size])
        data = data[8 + size :]
    return objects


def _store(kind: str, key: str, data: bytes, symbols: list[str]) -> None:
    folder = cache_directory()
    partial = folder / f"{kind}-{key}.{os.getpid()}.tmp"
    try:
        partial.write_bytes(_sealed(data, symbols))
        partial.replace(folder / f"{kind}-{key}.o")
        kept = sorted(folder.glob(f"{kind}-*.o"), key=lambda p: p.stat().st_atime_ns, reverse=True)
        for old in kept[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        partial.unlink(missing_ok=True)


def _read(kind: str, key: str) -> tuple[bytes, list[str]] | None:
    """The kept object, None when there is none or it is damaged."""
    path = cache_directory() / f"{kind}-{key}.o"
    try:
        body = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):
        # Many file systems note accesses rarely or never; then a plugin that is edited often would push the plain
        # engine out.
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    return _unsealed(body)


def _link(data: bytes, symbols: list[str]) -> list[int]:
    """Addresses of the entries after loading the objects into this process."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    stub = ctypes.cast(_STUB, ctypes.c_void_p).value
    for name in _UNREACHABLE:
        if llvm.address_of_symbol(name) is None:
            llvm.add_symbol(name, stub)
    addresses = []
    for object_data, symbol in zip(_unpack(data), symbols, strict=True):
        target = llvm.Target.from_default_triple().create_target_machine()
        linker = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        linker.add_object_file(llvm.ObjectFileRef.from_data(object_data))
        linker.finalize_object()
        _ALIVE.append(linker)
        addresses.append(linker.get_function_address(symbol))
    return addresses


_STUB = ctypes.CFUNCTYPE(None)(lambda: None)
_ALIVE: list[Any] = []
"""Linkers own the code they loaded."""


def load(source: Source, key: str, announce: Announce | None = None) -> list[int]:
    """Addresses of the entries of generated code, from its object file or compiled now.

    key: a digest of what the code depends on. announce: entered while it is compiled.
    """
    found = _read(source.kind, key)
    if found is None:
        with announce() if announce is not None else nullcontext():
            found = _compiled(source)
        _store(source.kind, key, *found)
    return _link(*found)


Entries = tuple[Callable[..., int], Callable[..., int]]
_LINKED: dict[str, Entries] = {}
"""The engines of this process, by key."""


def functions(announce: Announce | None = None) -> Entries:
    """`run_entry` and `drop_code_entry` of `vm.codegen.engine_text` as foreign functions over addresses.

    announce: entered while the engine is compiled, which takes some 20 s.
    """
    key = engine_key()
    if key not in _LINKED:
        run, drop = load(ENGINE, key, announce)
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        _LINKED[key] = (
            ctypes.CFUNCTYPE(integer, *[pointer] * 5, *[integer] * 5)(run),
            ctypes.CFUNCTYPE(integer, *[pointer] * 2, *[integer] * 3)(drop),
        )
    return _LINKED[key]


@derived
def checked_functions() -> ModuleType:
    """The engine compiled with bounds checks (NUMBA_BOUNDSCHECK=1), called through numba: it can raise."""
    from trapline.vm.codegen.engine_text import numba_text

    return _import_text(numba_text(entries=False), cache_directory())
