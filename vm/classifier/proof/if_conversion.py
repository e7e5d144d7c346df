"""If-conversion of the engine's text: a branch that only chooses a value becomes an expression.

Otherwise each such branch would double the paths of symbolic execution: a write to one pmpcfg would take 81.

- `a if c else b` becomes `choose(c, lambda: a, lambda: b)`;
- `if c: target = a` becomes `target = choose(c, lambda: a, lambda: target)`;
- in such a condition, `c and d` becomes `both(c, lambda: d)`.

Evaluating what Python would have skipped is harmless: no converted expression passes on a record or an array, so it has
no side effects, and nothing that is legal in compiled code raises an exception.
"""

import ast
from collections.abc import Callable
from typing import Any

import z3

from trapline.vm.classifier.proof.symbolic import Condition, Word, term_of, word_of


def if_converted(text: str) -> ast.Module:
    """The syntax tree of a module after if-conversion."""
    return ast.fix_missing_locations(_Convert().visit(ast.parse(text)))


def truth(value: Any) -> bool | z3.BoolRef:
    """The truth of a value: a simplified term if it is symbolic."""
    if isinstance(value, Word):
        value = value != 0
    if not isinstance(value, Condition):
        return bool(value)
    term = z3.simplify(value.term)
    return True if z3.is_true(term) else False if z3.is_false(term) else term


def choose(condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then()` if the condition holds, else `otherwise()`; a z3 choice if that depends on the state."""
    held = truth(condition)
    if isinstance(held, bool):
        return then() if held else otherwise()
    return word_of(z3.If(held, term_of(then()), term_of(otherwise())))


def both(first: Any, second: Callable[[], Any]) -> Any:
    """`first and second()` as a truth value."""
    one = truth(first)
    if isinstance(one, bool):
        return second() if one else False
    other = truth(second())
    if isinstance(other, bool):
        return Condition(one) if other else False
    return Condition(z3.And(one, other))


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _later(expression: ast.expr) -> ast.Lambda:
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), expression)


class _Load(ast.NodeTransformer):
    """Turns a target into the expression that reads it."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
        return node


STATE = {"h", "m", "ram8", "ram16", "ram32", "code", "page"}


def _is_pure(*expressions: ast.expr) -> bool:
    """Whether no called function can change the state, because none receives any of it."""
    calls = (n for e in expressions for n in ast.walk(e) if isinstance(n, ast.Call))
    return not any(isinstance(a, ast.Name) and a.id in STATE for call in calls for a in call.args)


class _Convert(ast.NodeTransformer):
    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if not _is_pure(node.body, node.orelse):
            return node
        return _call("choose", _condition(node.test), _later(node.body), _later(node.orelse))

    def visit_If(self, node: ast.If) -> ast.stmt:
        self.generic_visit(node)
        only = node.body[0]
        if len(node.body) > 1 or node.orelse or not isinstance(only, ast.Assign):
            return node
        if not _is_choice(node.test) or not _is_pure(only.value):
            return node
        target = only.targets[0]
        present = _Load().visit(ast.parse(ast.unparse(target), mode="eval").body)
        value = _call("choose", _condition(node.test), _later(only.value), _later(present))
        return ast.Assign([target], value)


def _is_choice(test: ast.expr) -> bool:
    """Whether evaluating the whole condition is the same as short-circuiting it."""
    inner = [n for n in ast.walk(test) if isinstance(n, ast.BoolOp)]
    return all(isinstance(n.op, ast.And) for n in inner) and (not inner or _is_pure(test))


def _condition(test: ast.expr) -> ast.expr:
    if _is_choice(test) and isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        first, *rest = test.values
        result = first
        for value in rest:
            result = _call("both", result, _later(value))
        return result
    return test
