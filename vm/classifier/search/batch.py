"""The functions of `vm.classifier.search.trial`, made ready to run: compiled, or as plain Python over the same arrays.

The compiled batch calls the engine's run loop by its address, so that the run loop is neither compiled again nor
slowed down, and is kept as an object file as the engine is (`vm.codegen.native`).
"""

import ctypes
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from trapline.vm.classifier.definitions.memory import CONTENT, relocation_table
from trapline.vm.classifier.search import states, trial
from trapline.vm.codegen import native
from trapline.vm.codegen.collect import collect, compiled_text
from trapline.vm.engine import Engine

S = states.STATE_WORDS
WORK: dict[str, tuple[int, ...]] = {
    "base": (S,),
    "other": (S,),
    "case": (states.CASE_WORDS,),
    "content": (CONTENT,),
    "random": (1,),
    "outcomes": (trial.VARIANTS,),
    "before": (trial.VARIANTS, S),
    "after": (trial.VARIANTS, S),
}
"""The arrays of `desk`, all int64, with their shapes."""
PARTS = ("visible", "control", "configuration", "time")
"""The arrays of `parts`: masks and indices of words, see `vm.classifier.search.states.Space`."""
TABLES = ("row", "reset", "draws", "relocations", *PARTS)
NUMBERS = ("seed", "first", "last", "wanted")
ANSWERS = "answers"
SEARCH = native.Source("search", "trapline.vm.classifier.search.batch", "compiled_source", ("try_entry",))

_PRELUDE = '''"""Generated from vm/classifier/search/trial.py; safe to delete."""
import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba import int64 as I64, uint64 as U64, uint32 as U32
from numba.extending import intrinsic
from trapline.vm.core.hart import HART

@intrinsic
def _call(typing, address, a, b, c, d, e, f, g, h, i, j):
    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * 10)
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
    return types.int64(*[types.int64] * 11), generate

@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model='numpy')
def step(call):
    return _call(
        call[0], call[1], call[2], call[3], call[4], call[5], call[6], call[7], call[8], call[9], I64(1)
    )

'''
_DECORATOR = "njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model='numpy')"


@cache
def source() -> str:
    """The functions, callees first."""
    return "\n\n".join(collect([trial.try_states]).values()) + "\n"


def _entry() -> str:
    """Text of the compiled entry: the addresses of all arrays, lengths of those that vary, then the numbers."""
    words = {
        "hart": "(h_words,)", "machine": "(m_words,)", "ram32": "(ram_words,)", "code": "(code_words,)",
        "call": "(10,)",
        "row": "(n_row,)", "reset": f"({S},)", "draws": "(n_draws, 4)", "relocations": "(n_relocations, 5)",
        **{part: f"(n_{part},)" for part in PARTS}, **{name: str(shape) for name, shape in WORK.items()},
        ANSWERS: f"({trial.ANSWERS},)",
    }  # fmt: skip
    lengths = [
        "h_words", "m_words", "ram_words", "code_words", "n_row", "n_draws", "n_relocations",
        *(f"n_{part}" for part in PARTS),
    ]  # fmt: skip
    views = ", ".join(f"carray({n}, {s}, np.{'uint32' if n == 'ram32' else 'int64'})" for n, s in words.items())
    names = list(words)
    given = dict(zip(names, _split(views), strict=True))
    parts, desk = (", ".join(given[n] for n in group) for group in (PARTS, WORK))
    first = ", ".join(given[n] for n in ("hart", "machine", "ram32", "code", "call", "row", "reset", "draws"))
    return f"""
@cfunc(types.int64(*[types.voidptr] * {len(words)}, *[types.int64] * {len(lengths) + len(NUMBERS)}))
def try_entry({", ".join([*names, *lengths, *NUMBERS])}):
    return try_states(
        carray(hart, (1,), HART)[0], {first}, {given["relocations"]}, ({parts}), ({desk}), {given[ANSWERS]},
        {", ".join(NUMBERS)},
    )
"""


def _split(views: str) -> list[str]:
    return ["carray" + text.rstrip(", ") for text in views.split("carray")[1:]]


def compiled_source() -> str:
    """The module that numba compiles."""
    return _PRELUDE + compiled_text(source(), lambda name: _DECORATOR) + _entry()


def _key() -> str:
    total = hashlib.sha256(native.source_key().encode())
    classifier = Path(__file__).parent.parent
    for folder in ("definitions", "search"):
        for path in sorted((classifier / folder).glob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()[:20]


@cache
def _compiled(announce: native.Announce | None) -> Callable[..., int]:
    addresses = native.load(SEARCH, _key(), announce)
    count = len(TABLES) + len(WORK) + 6
    kinds = [ctypes.c_void_p] * count + [ctypes.c_int64] * (7 + len(PARTS) + len(NUMBERS))
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(addresses[0])


class Batch:
    """Trials of one machine configuration on an engine's hart 0.

    compiled: whether trials run in compiled code; they do where the engine does, unless it checks bounds.
    """

    def __init__(self, engine: Engine, space: states.Space, announce: native.Announce | None = None) -> None:
        self.engine = engine
        self.space = space
        self.work = {name: np.zeros(shape, np.int64) for name, shape in WORK.items()}
        self.answers = np.zeros(trial.ANSWERS, np.int64)
        self.tables = {
            "reset": space.reset, "draws": space.draws, "relocations": relocation_table(),
            "visible": space.visible, "control": space.control,
            "configuration": space.configuration, "time": space.time,
        }  # fmt: skip
        address = engine.entry()
        self.compiled = address is not None
        self.call = np.array(address if address is not None else [0] * 10, np.int64)
        self._entry = _compiled(announce) if self.compiled else None
        self._plain = plain_functions(lambda call: engine.run(1))

    def clear(self) -> None:
        """Make ready for a row: no answers yet."""
        self.answers[:] = 0
        self.answers[trial.QUESTIONS : 2 * trial.QUESTIONS] = -1

    def run(self, row: np.ndarray, seed: int, first: int, last: int, wanted: int) -> int:
        """Try states [first, last) until `wanted` pairs are compared, into `answers`; the number of the next state."""
        numbers = (seed, first, last, wanted)
        if self._entry is None:
            return self._plain["try_states"](*self.plain_arguments(row), _view(self.answers), *numbers)
        e, t = self.engine, self.tables
        harts, machine = e.harts.view(np.int64), e.machine.view(np.int64)
        ram = e.ram.view(np.uint32)
        arrays: tuple[np.ndarray, ...] = (
            harts, machine, ram, e.code, self.call, row, t["reset"], t["draws"], t["relocations"],
            *(t[part] for part in PARTS), *self.work.values(), self.answers,
        )  # fmt: skip
        parts = [t[part] for part in PARTS]
        varying: tuple[np.ndarray, ...] = (harts, machine, ram, e.code, row, t["draws"], t["relocations"], *parts)
        lengths = (len(array) for array in varying)
        return self._entry(*(a.ctypes.data for a in arrays), *lengths, *numbers)

    def plain_arguments(self, row: np.ndarray) -> tuple[Any, ...]:
        """What the plain functions take before `answers`, views of the same arrays."""
        e, t = self.engine, self.tables
        parts = tuple(_view(t[part]) for part in PARTS)
        desk = tuple(_view(array) for array in self.work.values())
        return (
            e.h[0], *self.memory(), _view(self.call), _view(row), _view(t["reset"]), _view(t["draws"]),
            _view(t["relocations"]), parts, desk,
        )  # fmt: skip

    def memory(self) -> tuple[Any, ...]:
        """The hart's and the machine's words, RAM as words and the decoded instructions, for the plain functions."""
        e = self.engine
        return _view(e.harts.view(np.int64)), _view(e.machine.view(np.int64)), _ram(e), _view(e.code)

    @property
    def plain(self) -> dict[str, Any]:
        """The functions of `vm.classifier.search.trial` as plain Python, by name."""
        return self._plain


def plain_functions(step: Callable[[Any], int]) -> dict[str, Any]:
    """The functions as plain Python, with this as the engine's step."""
    from trapline.vm.codegen.engine_text import PYTHON_PRELUDE

    names: dict[str, Any] = {"step": step}
    exec(compile(PYTHON_PRELUDE + source(), "<trapline search>", "exec"), names)
    return names


def _view(array: np.ndarray) -> Any:
    """An array of int64 as plain Python reads it: integers, and one view a row."""
    if array.ndim == 2:
        return [_view(row) for row in array]
    return array.data.cast("B").cast("q")


def _ram(engine: Engine) -> Any:
    return engine.ram.data.cast("B").cast("I")
