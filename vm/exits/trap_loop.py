"""Detects a hart that traps forever: it cannot execute its trap handler, so each exception leads to the next.

Usually it trapped before setting mtvec: there is no memory at address 0, so fetching the handler faults too.
"""

from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MIE, SIE
from trapline.vm.core.records import HartRecord

_STATE = ("pc", "mode", "mstatus", "mepc", "mcause", "mtval", "sepc", "scause", "stval", "mie")
JUMP_TO_ITSELF = 0x0000006F
"""`j .`, as kernels halt."""


def is_deaf(h: HartRecord) -> bool:
    """Whether no interrupt of any kind would be taken in this state (Priv 3.1.6.1)."""
    taken = 0
    if h.mode < M or h.mstatus & MIE:
        taken |= h.mie & ~h.mideleg
    if h.mode == U or (h.mode == S and h.mstatus & SIE):
        taken |= h.mie & h.mideleg
    return taken == 0


class TrapLoop:
    """Watches a hart between slices of execution."""

    def __init__(self, h: HartRecord) -> None:
        self._h = h
        self._before: tuple[int, ...] = ()
        self._traps = 0
        self._repeated = False

    def closed(self) -> bool:
        """Whether only an interrupt could change this hart's course, and none can come.

        If no instruction has retired since the last call, registers and memory are the same; if the state that traps
        change is also the same, the hart is in a loop.
        """
        h = self._h
        state = (h.cycle - h.unretired, *(getattr(h, name) for name in _STATE))
        if h.unretired == self._traps:
            # It had no turn, or did not trap: what was found before holds as long as the state does.
            self._repeated = self._repeated and state == self._before
        else:
            self._repeated = state == self._before
        self._before, self._traps = state, h.unretired
        # A trap never enters a less privileged mode, so the whole loop is in this one, with interrupts off.
        return self._repeated and is_deaf(h)
