"""Generated code is compiled to an object file, in a process of its own.

What can be written down as LLVM IR (`vm.codegen.ir_module`) goes to LLVM at once; numba compiles the rest.
"""

import hashlib
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from trapline.isa.instruction import DeclarationError
from trapline.isa.table import added
from trapline.vm.codegen.cache import pack, unsealed
from trapline.vm.codegen.llvm_object import keep_branches_whole, object_of
from trapline.vm.codegen.source import IR, NUMBA, Source


def import_text(text: str, folder: Path) -> ModuleType:
    """Import generated source; numba wants a file that it can read the source from."""
    path = folder / f"trapline_engine_{hashlib.sha256(text.encode()).hexdigest()[:20]}.py"
    if not path.is_file() or path.read_text() != text:
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def compile_here(text: str, names: Sequence[str]) -> tuple[bytes, list[str]]:
    """The object file of a generated module, and the symbols of its entries of these names."""
    from numba.core.registry import cpu_target

    with tempfile.TemporaryDirectory(prefix="trapline-") as folder:
        module = import_text(text, Path(folder))
    machine = cpu_target.target_context.codegen()._tm
    entries = [getattr(module, name) for name in names]
    libraries = [entry._library._final_module for entry in entries]
    # The second entry's functions are part of the first module's text as well, so two objects are kept.
    objects = [machine.emit_object(library) for library in libraries]
    return pack(objects), [entry.native_name for entry in entries]


def objects_here(language: str, text: str, names: Sequence[str], portable: bool = False) -> tuple[bytes, list[str]]:
    """The object files of one of `Source.inputs`, and the symbols of its entries of these names."""
    if language == IR:
        # One object has all entries; `link` takes one for each.
        return pack([object_of(text, portable)]), list(names)
    return compile_here(text, names)


# The compiling process. It ends when its input closes, so with its parent, however that ends. It reads the text from a
# file because it has loaded no plugins.
_APART = """import os, sys, threading
threading.Thread(target=lambda: os._exit(len(os.read(0, 1))), daemon=True).start()
language, file, entries, portable = sys.argv[1:5]
sys.path[:] = sys.argv[5:]
from trapline.vm.codegen import cache, compiler
text = open(file, encoding="utf-8").read()
sys.stdout.buffer.write(cache.sealed(*compiler.objects_alone(language, text, entries.split(), portable == "True")))
sys.stdout.flush()
os._exit(0)
"""


def objects_alone(language: str, text: str, names: Sequence[str], portable: bool) -> tuple[bytes, list[str]]:
    """`objects_here` in a process that does nothing else."""
    keep_branches_whole()
    if language == NUMBA:
        leave_calls_out()
    return objects_here(language, text, names, portable)


RARELY = (100_000, 20, 20)
"""Thresholds of the garbage collector for a process that makes next to none."""


def leave_calls_out() -> None:
    """Skip numba's work for calling functions: for a process that only keeps what it compiles.

    Numba makes machine code of each function for callers in Python; we need that of the entries only and emit it
    ourselves, which saves a fifth of the time. The garbage collector finds next to nothing and takes a twentieth.
    These are numba's internals: under other names nothing is skipped, and if they no longer fit together the process
    fails and its parent compiles.
    """
    import gc

    from numba.core import codegen

    def no_address(library: Any, name: str) -> int:
        library._ensure_finalized()  # linked and optimized, which callees are inlined from
        return 0

    leave_zeros_out()
    libraries: Any = codegen.JITCodeLibrary
    libraries.get_pointer_to_function = no_address
    libraries._finalize_specific = lambda library: None
    generators: Any = codegen.JITCPUCodegen
    generators.set_env = lambda generator, name, env: None
    gc.set_threshold(*RARELY)


def leave_zeros_out() -> None:
    """Let no function begin by making zero where its calls put their results, as numba has it.

    A result's place is made zero right before its call as well, and what an exception leaves is read only after one.
    `execute` has some hundred calls and makes one or two in a step; under a hypervisor it is entered twice for an exit.
    """
    from numba.core import callconv, cgutils, debuginfo

    def place(builder: Any, kind: Any, size: Any = None, name: str = "", zfill: bool = False) -> Any:
        with debuginfo.suspend_emission(builder), builder.goto_entry_block():
            return builder.alloca(kind, size=size, name=name)

    conventions: Any = callconv
    conventions.cgutils = types.SimpleNamespace(**{**vars(cgutils), "alloca_once": place})


def compile_apart(source: Source, portable: bool = False) -> tuple[bytes, list[str]]:
    """Do `objects_here` in a process of its own, which is killed at once when this one is interrupted.

    In this process LLVM delays Ctrl-C, and where it calls back into Python ctypes prints the KeyboardInterrupt and
    goes on. Numba's variables, such as NUMBA_DISABLE_JIT, do not reach the process: its result is kept for runs
    without them. portable: see `compiled`. If no process can be started, compiles in this one.

    Numba iterates over sets of names, whose order depends on the hash seed: with a fixed seed the object file is the
    same each time, and as fast.
    """
    language, text = "", ""
    for language, text in source.inputs():
        try:
            made = unsealed(_result(language, text, source.entries, portable))
        except (OSError, ValueError):
            if portable:
                raise
            with suppress(RuntimeError):  # an LLVM that is too old for our IR
                return objects_here(language, text, source.entries)
        else:
            if made is not None:
                return made
    if portable:
        raise OSError("the compiling process failed")
    return objects_here(language, text, source.entries)


def _result(language: str, text: str, names: Sequence[str], portable: bool) -> bytes:
    """What the compiling process writes: `sealed` objects, or less if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment["PYTHONHASHSEED"] = "0"
    if portable:
        environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    with tempfile.TemporaryDirectory(prefix="trapline-") as folder:  # Windows opens no file that is open for writing
        path = Path(folder, "source")
        path.write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-c", _APART, language, str(path), " ".join(names), str(portable), *sys.path],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            return process.stdout.read()
        finally:
            # On Windows both are the same.
            (process.kill if hasattr(signal, "SIGKILL") else process.terminate)()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def compiled(source: Source, portable: bool = False) -> tuple[bytes, list[str]]:
    """The object file and symbols. Raises DeclarationError for a plugin that numba cannot compile.

    portable: for every processor of this architecture; raises OSError where no process can be started.
    """
    try:
        return compile_apart(source, portable)
    except Exception as error:
        if not added() or not type(error).__module__.startswith("numba."):
            raise
        sources = ", ".join(addition.source for addition in added())
        reason = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), type(error).__name__)
        raise DeclarationError(f"{sources}: numba cannot compile it ({reason}); --engine python can run it") from None
