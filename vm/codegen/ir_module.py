"""Text in the engine's language as one module of LLVM IR.

The language is what the engine is written in: functions of integers, arrays and records that answer integers, and all
of whose variables have one kind. What is beyond it raises UnknownConstructError.
"""

import ast
import platform
import sys
from collections.abc import Collection, Mapping
from types import MappingProxyType

from trapline.vm.codegen.ir_function import Statements, parameter_types
from trapline.vm.codegen.ir_kinds import INT, Kind, UnknownConstructError

_DECLARATIONS = """declare i64 @llvm.abs.i64(i64, i1)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)"""

LINE = 64
"""Bytes of a line of the processor's cache."""
_PLACED = f"align {LINE} prefix [{LINE // 2} x i8] zeroinitializer"
"""Where a function begins that calls others seldom: in the middle of a line, whatever is before it.

`execute` goes through two branches with each instruction, a few bytes apart. With each in a line of its own, fib,
sieve, matmul and sha256 took 1.4, 1.6, 1.6 and 2.2 times as long. Where a change of `execute` has moved them
apart, without the prefix, which is half a line, they come together again."""

_PRESERVING = platform.machine() in ("x86_64", "AMD64", "aarch64", "arm64") and sys.platform != "win32"
"""Whether LLVM has functions here that leave nearly all registers as they are."""


class EngineModule:
    """A module. text: definitions of functions and constants.

    seldom: for a function, those that it calls seldom. These stay calls, of which the code around them notices little:
    what it holds in registers stays there.
    """

    def __init__(self, text: str, seldom: Mapping[str, Collection[str]] = MappingProxyType({})) -> None:
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, int] = {}
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = int(ast.literal_eval(node.value))
            else:
                raise UnknownConstructError(ast.unparse(node).partition("\n")[0])
        self._seldom = seldom
        self._apart = {name for names in seldom.values() for name in names}
        self._entries: dict[str, int] = {}
        self._names: dict[tuple[str, tuple[Kind, ...]], str] = {}
        self._wanted: list[tuple[str, tuple[Kind, ...]]] = []

    def text(self, entries: dict[str, int]) -> str:
        """The whole module. entries: functions for callers outside, and how many integers they take."""
        self._entries = entries
        for name, count in entries.items():
            self._name(name, (INT,) * count)
        written = []
        while self._wanted:
            written.append(self._function(*self._wanted.pop()))
        return "\n\n".join([_DECLARATIONS, *written]) + "\n"

    def call(self, caller: str, name: str, kinds: tuple[Kind, ...], arguments: str) -> str:
        """A call of a function with arguments of these kinds."""
        seldom = " cold" if name in self._seldom.get(caller, ()) else ""
        return f"call {self._convention(name)} i64 {self._name(name, kinds)}({arguments}){seldom}"

    def _name(self, name: str, kinds: tuple[Kind, ...]) -> str:
        """LLVM's name of a function for arguments of these kinds, which is written once it has one."""
        key = name, kinds
        if key not in self._names:
            if name not in self.functions:
                raise UnknownConstructError(f"{name}(...)")
            again = sum(known == name for known, _ in self._names)
            self._names[key] = f"@{name}.{again}" if again else f"@{name}"
            self._wanted.append(key)
        return self._names[key]

    def _convention(self, name: str) -> str:
        if name in self._entries:
            return "ccc"
        return "preserve_mostcc" if name in self._apart and _PRESERVING else "fastcc"

    def _function(self, name: str, kinds: tuple[Kind, ...]) -> str:
        tree = self.functions[name]
        stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        writer = Statements(self, name, stored | {a.arg for a in tree.args.args})
        writer.write(tree, kinds)
        parameters = ", ".join(f"{t} %p{i}" for i, t in enumerate(parameter_types(kinds)))
        linkage = "" if name in self._entries else "internal "
        inlined = " noinline" if name in self._apart else ""
        placed = f" {_PLACED}" if name in self._seldom else ""
        signature = f"{self._convention(name)} i64 {self._name(name, kinds)}({parameters}) nounwind{inlined}{placed}"
        entry, *rest = writer.lines
        return "\n".join([f"define {linkage}{signature} {{", entry, *writer.stack, *rest, "}"])
