"""Checks the source of a plugin's meanings, so that every engine and the classifier can use them.

A value meaning is one expression, and its helpers are straight-line code. A system meaning may branch, and loop a
constant number of times. Meanings may call only functions with Python source, and name only those, integers and fields
of the hart. They are bounded by `LONGEST` operations.
"""

import ast
import inspect
import textwrap
import types
from typing import Any

from trapline.isa.hart import FIELDS
from trapline.isa.instruction import DeclarationError, Instruction, Kind

LONGEST = 10_000
"""Maximum operations of a meaning, counted in its source and multiplied by its loops."""

RANGE_ARGUMENTS = 3
"""Maximum arguments of `range`."""

BUILTINS = {"abs": 1, "min": 2, "max": 2}
"""Python built-ins that a meaning may call, with their number of arguments."""

FIXED = {"cycle", "instret", "mtime", "mhartid", "misa", "extensions", "lines"}
"""Fields that the machine maintains: no instruction sets them."""

ARRAYS = {name: count for name, count in FIELDS if count > 1}
SCALARS = {name for name, count in FIELDS if count == 1}

COMPILED = {
    f"trapline.isa.{name}"
    for name in (
        "atomic", "base", "machine_csrs", "multiply", "privileged", "supervisor_csrs", "trap", "word", "xleak",
    )
}  # fmt: skip
"""Modules of this package whose functions every engine contains; a plugin may call them."""

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor,
)  # fmt: skip
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class RefusedMeaning(DeclarationError):
    """A mistake in a meaning, and its line in the file."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def check_meaning(instruction: Instruction) -> None:
    """Raise RefusedMeaning unless engines can use the meaning and everything that it calls."""
    reader = _Reader(instruction.name, instruction.kind is Kind.SYSTEM)
    if instruction.kind is Kind.FENCE:
        reader.nothing(instruction.meaning)
    else:
        reader.function(instruction.meaning, meaning=True)


class _Reader:
    def __init__(self, name: str, system: bool) -> None:
        self.name = name
        self.system = system
        self.costs: dict[types.FunctionType, int] = {}
        self.assigned: set[str] = set()  # local names with a value on every path to this point
        self.within: list[types.FunctionType] = []

    def function(self, function: Any, meaning: bool = False) -> int:
        """The operations of a call. Raises RefusedMeaning."""
        if function in self.costs:
            return self.costs[function]
        code = function.__code__
        self.line = code.co_firstlineno
        if function in self.within:
            raise self.refuse(f"'{function.__name__}' calls itself; a meaning must terminate")
        outer = self.within, getattr(self, "scope", None), getattr(self, "local", None), self.assigned
        self.within = [*self.within, function]
        tree = self._tree(function)
        names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
        self.scope: Any = function.__globals__
        self.assigned = {a.arg for a in tree.args.args}
        self.local: Any = self.assigned | {n.id for n in names if isinstance(n.ctx, ast.Store)}
        body = tree.body
        if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]
        elif meaning:
            raise self.refuse(f"'{self.name}' has no docstring; its first line must say what the instruction does")
        if meaning and not self.system and (len(body) != 1 or not isinstance(body[0], ast.Return)):
            self.line = body[0].lineno if body else self.line
            raise self.refuse(
                f"the meaning of '{self.name}' must be one 'return' of an expression; statements can go into a "
                "function that it calls"
            )
        self._returns(tree, body, meaning)
        cost = 1 + self.block(body)
        if cost > LONGEST:
            self.line = tree.lineno
            raise self.refuse(f"'{function.__name__}' takes {cost} operations; at most {LONGEST} are allowed")
        self.costs[function] = cost
        self.within, self.scope, self.local, self.assigned = outer
        return cost

    def nothing(self, function: Any) -> None:
        """Refuse a fence that would do something: the engine skips fences."""
        self.line = function.__code__.co_firstlineno
        body = self._tree(function).body
        if not function.__doc__ or [ast.unparse(s) for s in body[1:]] != ["return None"]:
            raise self.refuse(f"a fence does nothing: the body of '{self.name}' must be a docstring and 'return None'")

    def _tree(self, function: Any) -> ast.FunctionDef:
        """The syntax tree, with the line numbers of the file."""
        if function.__closure__ or hasattr(function, "__wrapped__"):
            raise self.refuse(
                f"'{function.__name__}' must be a plain function of the module, neither wrapped nor nested"
            )
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        except (OSError, SyntaxError):
            tree = ast.Pass()
        if not isinstance(tree, ast.FunctionDef):
            raise self.refuse(f"'{function.__name__}' must be written with 'def'")
        ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
        a = tree.args
        if a.posonlyargs or a.kwonlyargs or a.vararg or a.kwarg or a.defaults:
            raise self.refuse(f"'{function.__name__}' must have plain parameters: no defaults, no *, no **, no /")
        return tree

    def _returns(self, tree: ast.FunctionDef, body: list[ast.stmt], meaning: bool) -> None:
        """Require a value on every path, or on none: compiled code has one return type."""
        answers = [n for n in ast.walk(tree) if isinstance(n, ast.Return)]
        self.line = tree.lineno
        if any(n.value is not None for n in answers) or meaning:
            without = next((n for n in answers if n.value is None), None)
            if without is not None or not _ends(body):
                self.line = without.lineno if without else tree.lineno
                raise self.refuse(f"'{tree.name}' must return a value on every path")

    def refuse(self, message: str) -> RefusedMeaning:
        """The error for the current line."""
        return RefusedMeaning(message, self.line)

    # Statements

    def block(self, body: list[ast.stmt]) -> int:
        return sum(self.statement(s) for s in body)

    def statement(self, s: ast.stmt) -> int:
        self.line = s.lineno
        if isinstance(s, ast.Return):
            return self.expression(s.value) if s.value is not None else 0
        if isinstance(s, ast.Assign) and len(s.targets) == 1:
            return self.expression(s.value) + self.target(s.targets[0])
        if isinstance(s, ast.AugAssign) and isinstance(s.op, _OPERATORS):
            if isinstance(s.target, ast.Name):
                self.named(s.target.id)
            return 1 + self.expression(s.value) + self.target(s.target)
        if isinstance(s, ast.Pass):
            return 0
        if not self.system:
            hint = "; where(condition, then, otherwise) chooses" if isinstance(s, ast.If) else ""
            raise self.refuse(f"'{_word(s)}' is not allowed in a value meaning or its helpers{hint}")
        if isinstance(s, ast.If):
            return self.expression(s.test) + self.branches(s.body, s.orelse)
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            return self.expression(s.value)
        if isinstance(s, ast.Break | ast.Continue):
            return 0
        if isinstance(s, ast.For) and isinstance(s.target, ast.Name) and not s.orelse:
            times, before = self._times(s.iter), self.assigned
            self.assigned = before | {s.target.id}
            cost = times * (1 + self.block(s.body))
            self.assigned = before
            return cost
        raise self.refuse(f"'{_word(s)}' is not allowed in a meaning; use assignments, if, return, and for over range")

    def branches(self, *bodies: list[ast.stmt]) -> int:
        """Alternatives: afterwards a name has a value if it has one on each path that continues."""
        cost, before, ways = 0, self.assigned, []
        for body in bodies:
            self.assigned = set(before)
            cost += self.block(body)
            if not _ends(body):
                ways.append(self.assigned)
        self.assigned = set.intersection(*ways) if ways else before
        return cost

    def _times(self, call: ast.expr) -> int:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range":
            values = [a.value if isinstance(a, ast.Constant) else None for a in call.args]
            if (
                1 <= len(values) <= RANGE_ARGUMENTS
                and all(type(v) is int for v in values)
                and values[2:] != [0]
                and not call.keywords
            ):
                return len(range(*values))  # type: ignore[arg-type]
        raise self.refuse("a loop must be over range(...) of constants, such as range(32)")

    def target(self, t: ast.expr) -> int:
        if isinstance(t, ast.Name):
            self.assigned = self.assigned | {t.id}
            return 1
        field = t.value if isinstance(t, ast.Subscript) else t
        if self.system and isinstance(field, ast.Attribute):
            if field.attr in FIXED:
                raise self.refuse(f"'{field.attr}' is maintained by the machine; an instruction cannot set it")
            return self.expression(t)
        raise self.refuse(f"'{ast.unparse(t)}' cannot be assigned to")

    # Expressions

    def expression(self, e: ast.expr) -> int:
        """The operations of an expression. Raises RefusedMeaning."""
        self.line = e.lineno
        if isinstance(e, ast.Constant) and type(e.value) is int:
            return self.integer(e.value)
        if isinstance(e, ast.Name):
            return self.named(e.id)
        if isinstance(e, ast.BinOp) and isinstance(e.op, _OPERATORS):
            return 1 + self.expression(e.left) + self.expression(e.right)
        if isinstance(e, ast.UnaryOp) and not isinstance(e.op, ast.Not):
            return 1 + self.expression(e.operand)
        if (
            isinstance(e, ast.Compare)
            and all(isinstance(o, _COMPARISONS) for o in e.ops)
            and (self.system or not e.ops[1:])
        ):
            return 1 + self.expression(e.left) + sum(self.expression(x) for x in e.comparators)
        if isinstance(e, ast.Call):
            return self.call(e)
        if isinstance(e, ast.BoolOp | ast.IfExp | ast.UnaryOp | ast.Compare) and not self.system:
            raise self.refuse(
                f"'{ast.unparse(e)}' branches; in a value meaning use where(condition, then, otherwise), & and |"
            )
        if isinstance(e, ast.BoolOp | ast.IfExp | ast.UnaryOp):
            return 1 + sum(self.expression(x) for x in ast.iter_child_nodes(e) if isinstance(x, ast.expr))
        if self.system and isinstance(e, ast.Subscript) and isinstance(e.value, ast.Attribute):
            return self.field(e.value, True) + self.expression(e.slice)
        if self.system and isinstance(e, ast.Attribute):
            return self.field(e, False)
        raise self.refuse(f"'{ast.unparse(e)}' is not allowed in a meaning; use integers, operators and functions")

    def integer(self, value: int) -> int:
        if not -(1 << 63) <= value < 1 << 63:
            raise self.refuse(f"{value} does not fit 64 bits")
        return 0

    def named(self, name: str) -> int:
        if name in self.local:
            if name not in self.assigned:
                raise self.refuse(f"'{name}' may have no value here; set it on every path")
            return 0
        if name not in self.scope:
            raise self.refuse(f"'{name}' is not defined")
        if not isinstance(self.scope[name], int):
            raise self.refuse(f"'{name}' is neither an integer nor called as a function")
        return self.integer(int(self.scope[name]))

    def call(self, e: ast.Call) -> int:
        name, line = ast.unparse(e.func), e.lineno
        cost = 1
        for argument in e.args:
            cost += self.expression(argument)
        self.line = line
        if e.keywords:
            raise self.refuse(f"'{name}' is called with keyword arguments; pass them by position")
        function = self.scope.get(name)
        if function is None and name in BUILTINS:
            wanted = BUILTINS[name]
        elif isinstance(function, types.FunctionType):
            wanted = len(inspect.signature(function).parameters)
        elif not isinstance(e.func, ast.Name):
            raise self.refuse(f"'{name}' cannot be called; import the function by its own name")
        else:
            what = "is not defined" if function is None else "is neither a Python function nor an integer"
            raise self.refuse(f"'{name}' {what}")
        if len(e.args) != wanted:
            raise self.refuse(f"'{name}' takes {wanted} arguments, not {len(e.args)}")
        if isinstance(function, types.FunctionType) and function.__module__ not in COMPILED:
            cost += self.function(function)
            self.line = line
        return cost

    def field(self, e: ast.Attribute, indexed: bool) -> int:
        if not isinstance(e.value, ast.Name) or e.value.id not in self.local:
            raise self.refuse(f"'{ast.unparse(e)}' is not a field of the hart record")
        if e.attr not in (ARRAYS if indexed else SCALARS):
            there = e.attr in SCALARS or e.attr in ARRAYS
            how = f"an array: write h.{e.attr}[...]" if e.attr in ARRAYS else "not an array"
            raise self.refuse(f"'{e.attr}' is {how if there else 'not a field of the hart record (isa.hart.FIELDS)'}")
        return 1


def _ends(body: list[ast.stmt]) -> bool:
    """Whether no path continues past these statements."""
    last = body[-1] if body else None
    return isinstance(last, ast.Return) or (isinstance(last, ast.If) and _ends(last.body) and _ends(last.orelse))


def _word(s: ast.stmt) -> str:
    """The first word of a statement."""
    return ast.unparse(s).split(maxsplit=1)[0].rstrip(":")
