"""Machines whose translator is driven to extremes: translations at once, dropped at random, and short runs."""

import ctypes
import random
from typing import Any

import numpy as np

from support.hypervisor.bare_and_virtual import Reused, whole_state
from support.random_kernels.image import Kernel
from support.translator.forced_regions import AT_ONCE, LATE
from support.translator.plain import COLD
from trapline.vm.exit import ExitReason
from trapline.vm.translator import context, pages
from trapline.vm.translator.host.regions import Regions

LONGEST = 40
"""Steps of a run, at most."""
INTERVALS = (1, 2, 7, 40)
"""Steps between two looks at where a hart is; with 1 all machine code is left after each step."""


class Forced(Reused):
    """A machine that is reset before each kernel, with the compiled engine."""

    def __init__(self, technique: str, harts: int, **options: Any) -> None:
        super().__init__(technique, harts, engine="numba", **options)
        engine = self.machine.engine
        engine._use_translator()
        assert engine.translator is not None, "nothing is translated"
        self.translator = engine.translator
        words = self.translator.words
        self._heat = _words_at(words[context.HEAT_AT], words[context.PAGES])
        self._gains = _words_at(words[context.GAIN_AT], context.GAINS)

    @property
    def steps(self) -> int:
        """Steps that were done in machine code, of all kernels."""
        return self.translator.words[context.STEPS]

    @property
    def region_steps(self) -> int:
        """Those of the second tier."""
        return self.translator.words[context.REGION_STEPS]

    def states(self, kernel: Kernel, seed: int) -> list[dict[str, Any]]:
        """As `states` of a kernel that runs in pieces, between which translations are dropped. seed: of chances."""
        machine, rng = self.start(kernel), random.Random(seed)
        self._gains[:] = 0  # else entries are given up for ever
        self.translator.words[context.INTERVAL] = rng.choice(INTERVALS)
        # LLVM takes longer than all else.
        self.machine.engine.regions = Regions(self.translator, AT_ONCE if rng.randrange(4) == 0 else LATE)
        found = []
        for steps in kernel.slices:
            left, exit = steps, None
            while left > 0 and (exit is None or exit.reason is ExitReason.LIMIT):
                self._disturb(rng)
                piece = min(left, rng.randint(1, LONGEST))
                exit = machine.run(max_instructions=piece)
                left -= piece
            found.append(whole_state(machine) | {"exit": str(exit)})
        return found

    def _disturb(self, rng: random.Random) -> None:
        """Drop everything, or a page, or nothing; and let what is met next be translated."""
        engine = self.machine.engine
        match rng.randrange(8):
            case 0:
                self.translator.drop()
                self.translator.attach()
            case 1 | 2:
                engine.forget(rng.randrange(len(self._heat)), 1)
        if rng.randrange(4):
            self._heat[:] = (self._heat >> pages.TABLE_SHIFT << pages.TABLE_SHIFT) | COLD


def _words_at(address: int, count: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_int64 * count).from_address(address), np.int64)
