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
from collections.abc import Callable, Iterable
from typing import Any

PRELUDE = {"I64", "U64", "U32", "U8"}
"""Conversions that the generated file defines for each engine."""


def function_tree(function: Callable[..., Any]) -> ast.FunctionDef:
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


def used_names(tree: ast.FunctionDef) -> set[str]:
    """Names that the function reads, other than its own parameters and variables."""
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    own = {a.arg for a in tree.args.args} | {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    return {n.id for n in names} - own


def engine_name(function: Callable[..., Any], name: str | None = None) -> str:
    """What a function, or a constant `name` of its module, is called in the engine's text."""
    module = function.__globals__["__name__"]  # type: ignore[attr-defined]
    local = name or function.__name__
    return local if module.partition(".")[0] == "trapline" else f"{re.sub(r'[^a-zA-Z0-9]', '_', module)}__{local}"


def collect(functions: Iterable[Callable[..., Any]]) -> dict[str, str]:
    """Source text by name of these functions and of all functions and integers that they use.

    Order: what is used comes before what uses it. Raises TypeError when a function uses anything else
    than functions, integers and the names of `PRELUDE`, or when two functions share a name.
    """
    found: dict[str, str] = {}
    origin: dict[str, Any] = {}

    def visit(name: str, value: Any) -> None:
        if name in origin:
            if origin[name] is not value and not (type(value) is int and origin[name] == value):
                raise TypeError(f"two different objects are called '{name}'")
            return
        origin[name] = value
        if isinstance(value, types.FunctionType):
            tree = function_tree(value)
            tree.name = name
            renamed: dict[str, ast.expr] = {}
            for used in sorted(used_names(tree) - PRELUDE):
                if used in value.__globals__:
                    target = value.__globals__[used]
                    called = engine_name(target) if isinstance(target, types.FunctionType) else engine_name(value, used)
                    if isinstance(target, int) and origin.get(called, target) != target:  # a namesake of another module
                        called = f"{value.__module__.rpartition('.')[2]}_{used}"
                    renamed[used] = ast.Name(called, ast.Load())
                    visit(called, target)
            found[name] = ast.unparse(_Substitute(renamed).visit(tree))
        elif isinstance(value, int):
            found[name] = f"{name} = {value:#x}" if value > 9 else f"{name} = {value}"
        else:
            raise TypeError(f"'{name}' is neither a function nor an integer")

    for function in functions:
        visit(engine_name(function), function)
    return found


class _Widen(ast.NodeTransformer):
    """Pass integer constants as I64(...): numba would compile a callee once per constant."""

    def __init__(self, functions: set[str], constants: set[str]) -> None:
        self.functions = functions
        self.constants = constants

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.functions:
            for i, argument in enumerate(node.args):
                if isinstance(argument, ast.Constant) or self._is_constant(argument):
                    wide = ast.Call(ast.Name("I64", ast.Load()), [argument], [])
                    node.args[i] = wide
        return node

    def _is_constant(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.constants


def compiled_text(text: str, decorator: Callable[[str], str]) -> str:
    """The text of a module made ready for numba: constants widened, `decorator(name)` on each function."""
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    constants = {
        t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    }
    tree = _Widen({f.name for f in functions}, constants).visit(tree)
    for function in functions:
        function.decorator_list = [ast.parse(decorator(function.name), mode="eval").body]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Substitute(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


class _Inline(ast.NodeTransformer):
    """Replace calls of one-expression functions by their expression, where nothing is evaluated twice.

    Constants of the module are replaced by their values. called: receives the functions that stay calls.
    """

    def __init__(self, scope: dict[str, Any], parameters: list[str], called: list[types.FunctionType]) -> None:
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
                return _Substitute(dict(zip(parameters, node.args, strict=True))).visit(inner)
        self.called.append(function)
        node.func = ast.Name(engine_name(function), ast.Load())
        return node


class _Fold(ast.NodeTransformer):
    """Compute what is constant, so that shifts by constants are seen as such."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            return ast.Constant(eval(ast.unparse(node), {"__builtins__": {}}))
        return node


def inline_expression(function: Callable[..., Any], values: dict[str, str]) -> tuple[str, list[types.FunctionType]]:
    """The text of a one-expression meaning with its parameters replaced, and the functions it still calls.

    values: replacement text by parameter name. Raises TypeError when the meaning is not one expression.
    """
    tree = function_tree(function)
    body = tree.body[0]
    if len(tree.body) != 1 or not isinstance(body, ast.Return) or body.value is None:
        raise TypeError(f"the meaning of '{function.__name__}' is not a single expression")
    called: list[types.FunctionType] = []
    expression = _Inline(function.__globals__, [a.arg for a in tree.args.args], called).visit(body.value)
    expression = _Substitute({n: ast.parse(v, mode="eval").body for n, v in values.items()}).visit(expression)
    return ast.unparse(_Fold().visit(expression)), called
