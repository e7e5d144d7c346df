"""When a hart traps for ever: its trap handler cannot be executed, so every exception leads to the next.

The usual case is a trap before mtvec was set: address 0 is no memory, so fetching the handler is an exception too.
"""

from typing import Any

_STATE = ("pc", "mode", "mstatus", "mepc", "mcause", "mtval", "sepc", "scause", "stval", "mie")
_MSTATUS_MIE = 1 << 3


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
        # Priv 3.1.6.1: "Interrupts for ... M-mode are globally enabled when MIE=1"; in lower modes they always are.
        deaf = h.mie == 0 or (h.mode == 3 and not h.mstatus & _MSTATUS_MIE)
        return repeated and deaf
