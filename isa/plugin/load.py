"""Loads plugins: Python files outside this package that declare instructions.

    @declare(Kind.VALUE, "0000000 00000 rs1 000 rd 0101011", "rd, rs1", "my notes", extension="xmine")
    def twice(rs1):
        "Double a word."
        return u32(rs1 + rs1)

A plugin is loaded completely or not at all, at any time. Its instructions come after all others and are illegal on
machines whose ISA string does not name their extension, so existing machines are not affected.
Loading runs the file, which is trusted like any Python code.
"""

import importlib.util
import linecache
import os
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trapline.isa import instruction as declarations
from trapline.isa.csr import Csr
from trapline.isa.instruction import DeclarationError, Instruction
from trapline.isa.plugin.declaration import check_declaration, check_extension, check_room, free_opcodes
from trapline.isa.plugin.evaluation import check_results
from trapline.isa.plugin.meaning import RefusedMeaning, check_meaning
from trapline.isa.table import CSRS, INSTRUCTIONS, Addition, add, added, check_instructions, remove

MOST_BYTES = 1 << 20
"""Maximum size of a plugin in bytes."""


class PluginError(DeclarationError):
    """A refused plugin, as `file:line: the mistake, and its remedy`."""


def load(path: str | os.PathLike[str]) -> Addition:
    """Load the instructions of a plugin file.

    Raises PluginError, and leaves everything as it was, for a file that cannot be read or run, and for declarations
    that are ill-formed, clash with others or do not return what their kind must.
    """
    source = os.fspath(path)
    text = _read(source)
    if any(_same_file(source, a.source) for a in added()):
        raise PluginError(f"{source}: is already loaded")
    module = types.ModuleType(_module_name(source))
    module.__file__ = str(Path(source).absolute())
    mark = len(declarations.DECLARED)
    lines = text.splitlines(keepends=True)
    # Without a modification time, `inspect` and the engine keep the text that was run, even if the file changes.
    linecache.cache[module.__file__] = (len(text), None, lines, module.__file__)
    sys.modules[module.__name__] = module
    try:
        _execute(text, module, source)
        _refuse_csrs(module, source)
        addition = _checked(declarations.DECLARED[mark:], module, source)
    except BaseException:
        _forget(module.__name__, declarations.DECLARED[mark:])
        raise
    add(addition)
    return addition


def unload(addition: Addition) -> None:
    """Undo `load`. Machines made with the plugin cannot continue.

    Raises ValueError for any but the plugin loaded last.
    """
    remove(addition)
    _forget(addition.module, list(addition.instructions))


@contextmanager
def loaded(*paths: str | os.PathLike[str]) -> Iterator[list[Addition]]:
    """A context in which these plugins are loaded. Raises PluginError as `load` does."""
    present: list[Addition] = []
    try:
        for path in paths:
            present.append(load(path))
        yield present
    finally:
        for addition in reversed(present):
            unload(addition)


def _forget(module: str, instructions: list[Instruction]) -> None:
    linecache.cache.pop(str(sys.modules.pop(module).__file__), None)
    for instruction in instructions:
        declarations.DECLARED.remove(instruction)


def _read(source: str) -> str:
    path = Path(source)
    try:
        if path.is_dir():
            raise PluginError(f"{source}: is a folder; a plugin is a Python file")
        if path.exists() and not path.is_file():
            raise PluginError(f"{source}: is not a regular file")
        if path.stat().st_size > MOST_BYTES:
            raise PluginError(f"{source}: is larger than {MOST_BYTES >> 20} MiB; a plugin is a Python file")
        return importlib.util.decode_source(path.read_bytes())
    except OSError as error:
        raise PluginError(f"{source}: {error.strerror or error}") from None
    except (UnicodeDecodeError, SyntaxError, LookupError):
        raise PluginError(f"{source}: is not text in UTF-8; a plugin is a Python file") from None
    except ValueError as error:  # a NUL in the name
        if isinstance(error, PluginError):
            raise
        raise PluginError(f"{source!r}: {error}") from None


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _module_name(source: str) -> str:
    """A free identifier, which prefixes the plugin's own names in the engine's text."""
    stem = "plugin_" + re.sub("[^a-zA-Z0-9]", "_", Path(source).stem)
    name, number = stem, 1
    while name in sys.modules:
        number += 1
        name = f"{stem}_{number}"
    return name


def _execute(text: str, module: types.ModuleType, source: str) -> None:
    """Run the file. Raises PluginError for any exception, with the line of the file that was running."""
    file = str(module.__file__)
    try:
        code = compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = f":{error.lineno}" if error.lineno else ""
        raise PluginError(f"{source}{place}: {error.msg}") from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise PluginError(f"{source}: is not valid Python: {error}") from None
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        what = str(error) if isinstance(error, DeclarationError) else f"{type(error).__name__}: {error}".rstrip(": ")
        raise PluginError(f"{source}{_place(error, file)}: {' '.join(what.split())}") from None


def _place(error: BaseException, file: str) -> str:
    """`:line` of the innermost frame in the file; empty if there is none."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f":{line}" if line else ""


def _refuse_csrs(module: types.ModuleType, source: str) -> None:
    for name, value in vars(module).items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, Csr) and item not in CSRS:
                raise PluginError(f"{source}: '{name}' is a CSR; a plugin can declare instructions only")


def _checked(instructions: list[Instruction], module: types.ModuleType, source: str) -> Addition:
    """The file's declarations, if all of them are usable. Raises PluginError."""
    if not instructions:
        raise PluginError(f"{source}: declares no instruction; use the decorator 'declare' of trapline.isa.instruction")
    try:
        check_room(len(instructions), len({str(i.extension) for i in instructions}))
    except DeclarationError as error:
        raise PluginError(f"{source}: {error}") from None
    extensions: list[str] = []
    for number, i in enumerate(instructions):
        line = getattr(getattr(i.meaning, "__code__", None), "co_firstlineno", None)
        try:
            if i.extension not in extensions:
                check_extension(i.extension)
                extensions.append(i.extension)
            check_declaration(i)
            _check_neighbours(i, instructions[:number])
            check_meaning(i)
            check_results(i)
        except RefusedMeaning as error:
            raise PluginError(f"{source}:{error.line}: {error}") from None
        except DeclarationError as error:
            raise PluginError(f"{source}{f':{line}' if line else ''}: {error}") from None
    return Addition(source, module.__name__, tuple(instructions), tuple(extensions))


def _check_neighbours(i: Instruction, earlier: list[Instruction]) -> None:
    try:
        check_instructions([*INSTRUCTIONS, *earlier, i])
    except DeclarationError as error:
        hint = f"; free opcodes are {free_opcodes()}" if "overlap" in str(error) and free_opcodes() else ""
        raise DeclarationError(f"{error}{hint}") from None
