"""When a hart traps for ever: its trap handler cannot be executed, so every exception leads to the next.

The usual case is a trap before mtvec was set: address 0 is no memory, so fetching the handler is an exception too.
"""

from typing import Any

from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MIE, SIE

_STATE = ("pc", "mode", "mstatus", "mepc", "mcause", "mtval", "sepc", "scause", "stval", "mie")
JUMP_TO_ITSELF = 0x0000006F
"""`j .`, as kernels halt."""


def is_deaf(h: Any) -> bool:
    """Whether no interrupt of any kind would be taken in this state (Priv 3.1.6.1)."""
    taken = 0
    if h.mode < M or h.mstatus & MIE:
        taken |= h.mie & ~h.mideleg
    if h.mode == U or (h.mode == S and h.mstatus & SIE):
        taken |= h.mie & h.mideleg
    return taken == 0


class TrapLoop:
    """Looks at a hart between slices of execution."""

    def __init__(self, h: Any) -> None:
        self._h = h
        self._before: tuple[int, ...] = ()

    def closed(self) -> bool:
        """Whether nothing but interrupts could change this hart any more, and none can come.

        Steps were done since the last call but no instruction retired, so registers and memory are the same;
        when what traps change is the same too, the hart goes round in a circle.
        """
        h = self._h
        state = (h.cycle - h.unretired, *(getattr(h, name) for name in _STATE))
        repeated = state == self._before
        self._before = state
        # A trap never leads to a less privileged mode, so the whole circle is in this one, its interrupts off.
        return repeated and is_deaf(h)
