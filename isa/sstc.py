"""Sstc: stimecmp, the deadline of S mode's own timer interrupts (volume II, extension "Sstc")."""

from trapline.isa.csr import Csr, Field
from trapline.isa.environment import SSTC, STCE
from trapline.isa.machine_csrs import TM
from trapline.isa.mode import M


def guard_stimecmp(h):
    """ "When STCE in menvcfg is zero, an attempt to access stimecmp ... in a mode other than M-mode raises an
    illegal-instruction exception"; "when the TM bit in the mcounteren register is clear, attempts to access the
    stimecmp ... register while executing in a mode less privileged than M will cause an illegal-instruction exception"
    """
    if h.extensions & SSTC == 0:
        return 0
    return 1 if h.mode == M or (h.menvcfgh & STCE and h.mcounteren & TM) else 0


SSTC_CSRS = tuple(
    Csr(name, address, "Sstc", f"mtime from which STIP is pending, {half} half", (Field("stimecmp", 31, 0),),
        name, guard=guard_stimecmp, retimes=True)
    for name, address, half in (("stimecmp", 0x14D, "low"), ("stimecmph", 0x15D, "high"))
)  # fmt: skip
