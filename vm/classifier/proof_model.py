"""A model of a query: concrete states that answer a question with yes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import z3

from vm.classifier.symbolic import low, term_of


@dataclass(frozen=True)
class ModelState:
    """One state. fields: of the hart record, with `pmpcfg[0]` and so on; x: the registers."""

    fields: dict[str, int]
    x: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """The instruction's word, and one state or a pair."""

    word: int
    states: tuple[ModelState, ...]

    @classmethod
    def of(cls, model: z3.ModelRef, word: z3.BitVecRef, states: Sequence[tuple[dict[str, Any], Any]]) -> "Model":
        """Read the values of these symbolic states, each with a renaming of its symbols, off what z3 has found."""
        return cls(_value(model, word), ())
        

def _value(model: z3.ModelRef, term: z3.ExprRef) -> int:
    return model.eval(term, model_completion=True).as_long()
