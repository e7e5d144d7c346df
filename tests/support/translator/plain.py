"""The translator as plain Python, whose machine code runs: each function, and each stencil, can have a mistake."""

import ctypes
import random
from typing import Any

from support.translator.forced_regions import AT_ONCE, FEW
from trapline import Machine
from trapline.vm.core.stops import TABLE_WORDS, TRANSLATOR
from trapline.vm.translator import context, pages
from trapline.vm.translator.host.listing import bytes_at, python_functions, words_at
from trapline.vm.translator.host.memory import Translator, address_of
from trapline.vm.translator.host.regions import Regions
from trapline.vm.translator.stencil_file import Stencils

Functions = dict[str, Any]
"""The engine's, by name."""
COLD = pages.WARM - 1
"""`heat` of a page whose next sample translates it."""
INTERVAL = 2
"""Steps between two samples. With 1 each step would have a deadline, and no block of more instructions be entered."""
_DOOR = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)


def address_of_registers(h: Any) -> int:
    """See `vm.translator.generated`."""
    return address_of(h.x)


def call_door(door: int, *arguments: int) -> int:
    """See `vm.translator.generated`."""
    return int(_DOOR(door)(*arguments))


def functions() -> Functions:
    """All of them, without a mistake."""
    return python_functions(
        words_at=words_at, bytes_at=bytes_at, address_of_registers=address_of_registers, call_door=call_door
    )


class Translating:
    """A machine of the plain engine that translates all that it meets.

    room: bytes of machine code, and tables: pages that can be translated at a time; None for as many as there are.
    second_tier: whether regions are made of all that has been translated, after each run.
    """

    def __init__(
        self, machine: Machine, functions: Functions, stencils: Stencils, room: int | None, tables: int | None,
        second_tier: bool,
    ) -> None:  # fmt: skip
        self.machine, engine = machine, machine.engine
        code = engine.buffers.code
        ram = address_of(engine.buffers.ram)
        self.translator = Translator(code, len(engine.buffers.page), ram, stencils, INTERVAL)
        self.words = words = self.translator.words
        if room is not None:
            words[context.ARENA_SIZE] = words[context.ARENA_FIRST] + room
        if tables is not None:
            words[context.MAPS_SIZE] = tables
        code[len(code) - TABLE_WORDS + TRANSLATOR] = self.translator.address
        engine._run, engine._drop = functions["run"], functions["drop_code"]
        if second_tier:
            words[context.INTERVAL] = FEW
            engine.regions = Regions(self.translator, AT_ONCE)
        self._heat = words_at(words[context.HEAT_AT], words[context.PAGES])

    def run(self, steps: int) -> None:
        """Run so many steps; what is met first in them is translated at once."""
        for number, heat in enumerate(self._heat):
            self._heat[number] = (heat >> pages.TABLE_SHIFT << pages.TABLE_SHIFT) | COLD
        self.machine.run(max_instructions=steps)


def pieces(seed: int, count: int) -> list[int]:
    """Lengths of runs."""
    rng = random.Random(seed)
    return [rng.choice((1, 2, 3, 7, rng.randint(1, 40), rng.randint(1, 40))) for _ in range(count)]


def seen(machine: Machine) -> tuple[object, ...]:
    """The state, and the counts."""
    counters = [(h.cycle, h.instret, h.mtime, h.unretired) for h in machine.engine.h]
    return machine.digest(), counters, machine.trap_counts
