"""The functions of `trial`, compiled, or as plain Python over the same arrays.

The compiled batch calls the engine's run loop by its address: the run loop is neither compiled again nor slowed down.
Like the engine, the batch is kept as an object file (`vm.codegen.native`).
"""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from trapline.vm.classifier.definitions.memory import CONTENT, relocation_table
from trapline.vm.classifier.search import states, trial
from trapline.vm.classifier.search.trial import Parts, Tables, Target, Work
from trapline.vm.codegen import native
from trapline.vm.codegen.announce import Announce
from trapline.vm.codegen.cache import source_key
from trapline.vm.codegen.collect import NUMBA_CONVERSIONS, collect, compiled_text
from trapline.vm.codegen.source import Source
from trapline.vm.engine import Engine

S = states.STATE_WORDS
WORK: dict[str, tuple[int, ...]] = {
    "base": (S,),
    "other": (S,),
    "setup": (states.SETUP_WORDS,),
    "content": (CONTENT,),
    "random": (1,),
    "outcomes": (trial.VARIANTS,),
    "before": (trial.VARIANTS, S),
    "after": (trial.VARIANTS, S),
}
"""The shapes of the arrays in `trial.Work`."""
SHAPES = {
    "hart": "(hart_words,)", "machine": "(machine_words,)", "ram32": "(ram32_words,)", "code": "(code_words,)",
    "call": "(2,)",
    "row": "(row_words,)", "reset": f"({S},)", "draws": "(draws_words // 4, 4)",
    "relocations": "(relocations_words // 5, 5)",
    **{part: f"({part}_words,)" for part in Parts._fields},
    **{name: str(shape) for name, shape in WORK.items()},
    "answers": f"({trial.ANSWERS},)",
}  # fmt: skip
"""The arrays of the compiled entry with their shapes; `NAME_words` is an argument behind all of them."""
GROUPS = (Target, Tables, Parts, Work)
VARYING = [name for name, shape in SHAPES.items() if f"{name}_words" in shape]
NUMBERS = ("seed", "first", "last", "wanted")
SOURCES = ("vm/classifier/definitions", "vm/classifier/search")
"""Folders that the compiled entry depends on beside those of the engine."""
SEARCH = Source("search", "trapline.vm.classifier.search.batch", "compiled_source", ("try_entry",))

_PRELUDE = f'''"""Generated from vm/classifier/search/trial.py; safe to delete."""
import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
{NUMBA_CONVERSIONS}
from numba.extending import intrinsic
from trapline.vm.classifier.search.trial import Parts, Tables, Target, Work
from trapline.vm.core.hart import HART

@intrinsic
def _call(typing, address, memory, budget):
    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * 2)
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
    return types.int64(*[types.int64] * 3), generate

@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model='numpy')
def step(call):
    return _call(call[0], call[1], I64(1))

'''
_DECORATOR = "njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model='numpy')"


@cache
def source() -> str:
    """The functions, callees first."""
    return "\n\n".join(collect([trial.try_states], {trial.step: None}).values()) + "\n"


def _entry() -> str:
    """Text of the compiled entry: the addresses of all arrays, the lengths of those that vary, then the numbers."""
    views = {n: f"carray({n}, {s}, np.{'uint32' if n == 'ram32' else 'int64'})" for n, s in SHAPES.items()}
    groups = (f"{group.__name__}({', '.join(views[n] for n in group._fields)})" for group in GROUPS)
    lengths = [f"{name}_words" for name in VARYING]
    return f"""
@cfunc(types.int64(*[types.voidptr] * {len(SHAPES)}, *[types.int64] * {len(lengths) + len(NUMBERS)}))
def try_entry({", ".join([*SHAPES, *lengths, *NUMBERS])}):
    return try_states(
        carray(hart, (1,), HART)[0], {", ".join(groups)}, {views["answers"]}, {", ".join(NUMBERS)},
    )
"""


def compiled_source() -> str:
    """The module that numba compiles."""
    return _PRELUDE + compiled_text(source(), lambda name: _DECORATOR) + _entry()


def warm(portable: bool = False, announce: Announce | None = None) -> tuple[Path | None, bool]:
    """`native.warm` of the search."""
    return native.warm(SEARCH, source_key(*SOURCES), portable, announce)


@cache
def _compiled(announce: Announce | None) -> Callable[..., int]:
    addresses = native.load(SEARCH, source_key(*SOURCES), announce)
    kinds = [ctypes.c_void_p] * len(SHAPES) + [ctypes.c_int64] * (len(VARYING) + len(NUMBERS))
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(addresses[0])


class Batch:
    """Trials of one machine configuration on hart 0 of an engine.

    compiled: whether trials run compiled: when the engine does, unless it checks bounds.
    answers: int64[trial.ANSWERS], of the row that is being searched.
    """

    def __init__(self, engine: Engine, space: states.Space, announce: Announce | None = None) -> None:
        self.engine = engine
        self.space = space
        self.work = Work(*(np.zeros(WORK[name], np.int64) for name in Work._fields))
        self.answers = np.zeros(trial.ANSWERS, np.int64)
        self._parts = Parts(space.visible, space.control, space.configuration, space.time)
        self._relocations = relocation_table()
        address = engine.entry()
        self.compiled = address is not None
        self._call = np.array(address if address is not None else (0, 0), np.int64)
        self._entry = _compiled(announce) if self.compiled else None
        self._plain = plain_functions(lambda call: engine.run(1))

    def clear(self) -> None:
        """Forget all answers: a new row begins."""
        self.answers[:] = 0
        self.answers[trial.QUESTIONS : 2 * trial.QUESTIONS] = -1

    def run(self, row: np.ndarray, seed: int, first: int, last: int, wanted: int) -> int:
        """Try states [first, last) until `wanted` pairs are compared, into `answers`; the number of the next state."""
        numbers = (seed, first, last, wanted)
        if self._entry is None:
            return self._plain["try_states"](*self.plain_arguments(row), _view(self.answers), *numbers)
        arrays = (*self._target(), *self._tables(row), *self._parts, *self.work, self.answers)
        lengths = (array.size for name, array in zip(SHAPES, arrays, strict=True) if name in VARYING)
        return self._entry(*(array.ctypes.data for array in arrays), *lengths, *numbers)

    def _target(self) -> Target:
        e = self.engine
        return Target(e.harts.view(np.int64), e.machine.view(np.int64), e.ram.view(np.uint32), e.code, self._call)

    def _tables(self, row: np.ndarray) -> Tables:
        return Tables(row, self.space.reset, self.space.draws, self._relocations)

    def plain_arguments(self, row: np.ndarray) -> tuple[Any, Target, Tables, Parts, Work]:
        """The arguments of the plain functions up to `answers`: hart 0's record, and views of the same arrays."""
        target = self._target()._replace(ram32=self.engine.words)
        views = (
            Target(*map(_view, target)), Tables(*map(_view, self._tables(row))), Parts(*map(_view, self._parts)),
            Work(*map(_view, self.work)),
        )  # fmt: skip
        return self.engine.h[0], *views

    @property
    def plain(self) -> dict[str, Any]:
        """The functions of `trial` as plain Python, by name."""
        return self._plain


def plain_functions(step: Callable[[Any], int]) -> dict[str, Any]:
    """The functions of `trial` as plain Python. step: one step of the engine."""
    from trapline.vm.codegen.engine_text import PYTHON_PRELUDE

    names: dict[str, Any] = {"step": step}
    exec(compile(PYTHON_PRELUDE + source(), "<trapline search>", "exec"), names)
    return names


def _view(array: Any) -> Any:
    """An array as plain Python reads it: integers, one view per row; a memoryview stays one."""
    if isinstance(array, memoryview):
        return array
    if array.ndim > 1:
        return [_view(row) for row in array]
    return array.data.cast("B").cast("q")
