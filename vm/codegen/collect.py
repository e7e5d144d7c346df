"""Gathering the source of functions, so that one generated file holds everything that the engine runs.

Compiled code is cached by the file that holds it, and a change in a function of another file would go
unnoticed; so all of it goes into one file, named by its content (`vm.codegen.engine_text`).
There, what comes from outside of this project (`isa.plugin.load`) has its module's name in front, so that it cannot
clash with the engine's own names.
"""

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trapline.vm.core.in_place import IN_PLACE

DECIMAL = 10
"""Numbers from here on are written in hexadecimal."""

CONVERSIONS = {"I64": "int64", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8"}
"""Conversions that the generated file defines for each engine, and what numba calls them."""
NUMBA_CONVERSIONS = f"from numba import {', '.join(f'{kind} as {name}' for name, kind in CONVERSIONS.items())}"
PYTHON_CONVERSIONS = f"from trapline.vm.core.ints import {', '.join(CONVERSIONS)}"

Function = Callable[..., Any]
"""Written with `def`."""


def function_tree(function: Function) -> ast.FunctionDef:
    """The syntax tree of a function, without decorators, annotations and docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise TypeError(f"{function!r} is not a plain function")
    tree.decorator_list = []
    tree.returns = None
    for argument in tree.args.args:
        argument.annotation = None
    if isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Constant):
        tree.body = tree.body[1:]
    return tree


@dataclass(frozen=True)
class Definition:
    """A function as it goes into the engine: its tree, what its names mean, and the module that made it."""

    tree: ast.FunctionDef
    scope: Mapping[str, Any]
    module: str

    @classmethod
    def of(cls, function: types.FunctionType) -> "Definition":
        """A function as it was written."""
        return cls(function_tree(function), function.__globals__, function.__module__)

    @classmethod
    def generated(cls, text: str, *functions: Function) -> "Definition":
        """A function whose text was generated, and the functions that it calls."""
        (tree,) = ast.parse(text).body
        assert isinstance(tree, ast.FunctionDef)
        return cls(tree, {engine_name(f): f for f in functions}, __name__)


Provided = Mapping[Function, Function | Definition | None]
"""What stands in for functions: another function or a definition; None where the text's user defines it."""


def used_names(tree: ast.FunctionDef) -> set[str]:
    """Names that the function reads, other than its own parameters and variables."""
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    own = {a.arg for a in tree.args.args} | {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    return {n.id for n in names} - own


def engine_name(function: Function, name: str | None = None) -> str:
    """What a function, or a constant `name` of its module, is called in the engine's text."""
    module = function.__globals__["__name__"]  # type: ignore[attr-defined]
    local = name or function.__name__
    return local if module.partition(".")[0] == "trapline" else f"{re.sub(r'[^a-zA-Z0-9]', '_', module)}__{local}"


def collect(
    functions: Iterable[Function], provided: Provided | None = None, left_out: str | None = None
) -> dict[str, str]:
    """Source text by name of these functions and of all functions and integers that they use.

    provided: what stands in for functions that are only declared where they are called. left_out: how the test of an
    `if` begins that is left out with what it decides.
    Order: what is used comes before what uses it. Raises TypeError when a function uses anything else
    than functions, integers and the names of `CONVERSIONS`, or when two functions share a name.
    """
    instead = provided or {}
    found: dict[str, str] = {}
    origin: dict[str, Any] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, types.FunctionType) and isinstance(instead.get(value), types.FunctionType):
            value = instead[value]
        if name in origin:
            if origin[name] is not value and not (type(value) is int and origin[name] == value):
                raise TypeError(f"two different objects are called '{name}'")
            return
        origin[name] = value
        if isinstance(value, types.FunctionType):
            definition = instead[value] if value in instead else Definition.of(value)
            if isinstance(definition, Definition):
                found[name] = define(name, value, definition)
        elif isinstance(value, int):
            found[name] = f"{name} = {value:#x}" if value >= DECIMAL else f"{name} = {value}"
        else:
            raise TypeError(f"'{name}' is neither a function nor an integer")

    def define(name: str, function: Function, definition: Definition) -> str:
        definition.tree.name = name
        in_place(definition)
        if left_out is not None:
            LeaveOut(left_out).visit(definition.tree)
        members = _Members(definition)
        members.visit(definition.tree)
        renamed: dict[str, ast.expr] = {}
        for used in sorted(used_names(definition.tree) - CONVERSIONS.keys()):
            if used in members.found:
                visit(used, members.found[used])
            elif used in definition.scope:
                target = definition.scope[used]
                called = engine_name(target) if isinstance(target, types.FunctionType) else engine_name(function, used)
                if isinstance(target, int) and origin.get(called, target) != target:  # a namesake of another module
                    called = f"{definition.module.rpartition('.')[2]}_{used}"
                renamed[used] = ast.Name(called, ast.Load())
                visit(called, target)
        return with_comments(ast.unparse(Substitute(renamed).visit(definition.tree)))

    for function in functions:
        visit(engine_name(function), function)
    return found


def comment(text: str) -> ast.stmt:
    """A statement without effect that `with_comments` makes a comment of: syntax trees have none."""
    return ast.Expr(ast.Constant(f"# {text}"))


def with_comments(text: str) -> str:
    """The text of a tree that has statements made by `comment`."""
    return re.sub(r"^( *)'(# .*)'$", r"\1\2", text, flags=re.MULTILINE)


class _Widen(ast.NodeTransformer):
    """Pass integer constants as I64(...): numba would compile a callee once per constant."""

    def __init__(self, functions: set[str], constants: set[str]) -> None:
        self.functions = functions
        self.constants = constants

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.functions:
            for i, argument in enumerate(node.args):
                named = isinstance(argument, ast.Name) and argument.id in self.constants
                if named or isinstance(argument, ast.Constant):
                    node.args[i] = ast.Call(ast.Name("I64", ast.Load()), [argument], [])
        return node


def compiled_text(text: str, decorator: Callable[[str], str]) -> str:
    """The text of a module as numba compiles it: constants widened, `decorator(name)` on each function."""
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    constants = {
        n.id for node in tree.body if isinstance(node, ast.Assign) for n in node.targets if isinstance(n, ast.Name)
    }
    tree = _Widen({f.name for f in functions}, constants).visit(tree)
    for function in functions:
        function.decorator_list = [ast.parse(decorator(function.name), mode="eval").body]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class LeaveOut(ast.NodeTransformer):
    """Take out each `if` whose test begins so. Raises TypeError for one with an `else`."""

    def __init__(self, beginning: str) -> None:
        self.beginning = beginning

    def visit_If(self, node: ast.If) -> ast.If | None:
        self.generic_visit(node)
        if not ast.unparse(node.test).startswith(self.beginning):
            return node
        if node.orelse:
            raise TypeError(f"'if {ast.unparse(node.test)}' is to be left out and has an else")
        return None


class Substitute(ast.NodeTransformer):
    """Replace names that are read."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


class _Members(ast.NodeTransformer):
    """Make one name of `module.name`, so that namesakes in several modules are kept apart. found: what they are."""

    def __init__(self, definition: Definition) -> None:
        used = used_names(definition.tree) & definition.scope.keys()
        self.modules = {name: m for name in used if isinstance(m := definition.scope[name], types.ModuleType)}
        self.found: dict[str, Any] = {}

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.value, ast.Name) and node.value.id in self.modules):
            return node
        name = f"{node.value.id}_{node.attr}"
        self.found[name] = getattr(self.modules[node.value.id], node.attr)
        return ast.Name(name, ast.Load())


class _Inline(ast.NodeTransformer):
    """Replace calls of one-expression functions by their expression, where nothing is evaluated twice.

    Constants of the module are replaced by their values. called: receives the functions that stay calls.
    """

    def __init__(self, scope: dict[str, Any], parameters: list[str], called: list[Function]) -> None:
        self.scope = {name: value for name, value in scope.items() if name not in parameters}
        self.called = called

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.scope.get(node.id)
        return ast.Constant(int(value)) if isinstance(value, int) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        function = self.scope.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not isinstance(function, types.FunctionType):
            return node
        tree = function_tree(function)
        parameters = [a.arg for a in tree.args.args]
        body = tree.body[0]
        if len(tree.body) == 1 and isinstance(body, ast.Return) and body.value is not None:
            uses = [n.id for n in ast.walk(body.value) if isinstance(n, ast.Name)]
            if all(
                uses.count(p) <= 1 or isinstance(a, ast.Name | ast.Constant)
                for p, a in zip(parameters, node.args, strict=True)
            ):
                inner = _Inline(function.__globals__, parameters, self.called).visit(body.value)
                return Substitute(dict(zip(parameters, node.args, strict=True))).visit(inner)
        self.called.append(function)
        node.func = ast.Name(engine_name(function), ast.Load())
        return node


class Fold(ast.NodeTransformer):
    """Compute what is constant, so that shifts by constants are seen as such, and leave out branches never taken."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return _computed(node) if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant) else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        return _computed(node) if all(isinstance(n, ast.Constant) for n in (node.left, *node.comparators)) else node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node


def _computed(node: ast.expr) -> ast.Constant:
    return ast.Constant(eval(ast.unparse(node), {"__builtins__": {}}))


def in_place(definition: Definition) -> None:
    """Replace calls of the functions in `vm.core.in_place.IN_PLACE` by their expressions."""
    small = {
        name: value
        for name, value in definition.scope.items()
        if isinstance(value, types.FunctionType) and value in IN_PLACE
    }
    if small:
        _Inline(small, [], []).visit(definition.tree)


def inline_expression(function: Function, values: Mapping[str, ast.expr]) -> tuple[ast.expr, list[Function]]:
    """A one-expression meaning with its parameters replaced, and the functions it still calls.

    values: what stands for parameters, by name. Raises TypeError when the meaning is not one expression.
    """
    tree = function_tree(function)
    body = tree.body[0]
    if len(tree.body) != 1 or not isinstance(body, ast.Return) or body.value is None:
        raise TypeError(f"the meaning of '{function.__name__}' is not a single expression")
    called: list[Function] = []
    expression = _Inline(function.__globals__, [a.arg for a in tree.args.args], called).visit(body.value)
    return Fold().visit(Substitute(values).visit(expression)), called
