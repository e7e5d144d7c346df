"""Xleak: the famous unprivileged but sensitive instructions of other machines, each an extension of its own.

RISC-V has (nearly) none, so it has nothing to show without them. All are in the custom-0 space.
`mleak` has a bit for each, in the order of `isa.extension.XLEAK`: set, the instruction raises an
illegal-instruction exception in U mode, as the 68010 did for the 68000's MOVE from SR.
`docs/xleak.md` is their specification.
"""

from functools import partial

from trapline.isa.cause import ILLEGAL
from trapline.isa.csr import Csr, Field
from trapline.isa.extension import XLEAK
from trapline.isa.instruction import Kind, declare
from trapline.isa.mode import S, U
from trapline.isa.mstatus import MPRV, SIE, SPIE, SPP
from trapline.isa.trap import JUMPED, NEXT
from trapline.isa.word import ALIGNED

system = partial(declare, Kind.SYSTEM, causes=(ILLEGAL,))


XPOPF, XPUSHF, XRDMODE, XSIDT, XSGDT, XJRST, XPROBE, XLRA = (1 << i for i in range(len(XLEAK)))
"""The bit of each hole, in `mleak` as in `h.extensions`."""

ALL_HOLES = (1 << len(XLEAK)) - 1

INTERCEPT_SHIFT = len(XLEAK)
"""Bits by which a hole's bit for S mode is above that for U mode."""

UFLAGS = 0xF
UFLAGS_SHIFT = 28
"""Where popf and pushf have uflags in a register."""


def refused(h, bit):
    """Whether mleak makes the hole with this bit trap here.

    The bits from INTERCEPT_SHIFT on do the same for S mode. No CSR write sets them: they are the intercept controls of
    a hart that a hypervisor has (`vm.hypervisor.world_switch`), as those of SVM are no state of the machine that its
    guest sees.
    """
    return (h.mode == U and h.mleak & bit != 0) or (h.mode == S and h.mleak & (bit << INTERCEPT_SHIFT) != 0)


def write_x(h, rd, value):
    """Set general register number `rd`; x0 stays 0."""
    if rd != 0:
        h.x[rd] = value


@system(
    "0000000 00000 rs1 000 00000 0001011", "rs1", "Xleak 1", extension="xpopf",
    reads=("mode", "mleak"), writes=("uflags", "mstatus.SIE"),
)  # fmt: skip
def popf(h, rs1):
    """Set uflags from rs1[31:28] and sstatus.SIE from rs1[1]; in U mode SIE is silently kept (x86 POPF)."""
    if refused(h, XPOPF):
        return ILLEGAL
    h.uflags = (rs1 >> UFLAGS_SHIFT) & UFLAGS
    if h.mode > U:
        h.mstatus = (h.mstatus & ~SIE) | (rs1 & SIE)
    return NEXT


@system(
    "0000001 00000 00000 000 rd 0001011", "rd", "Xleak 2", extension="xpushf",
    reads=("mode", "mleak", "uflags", "mstatus.SIE", "mstatus.SPIE", "mstatus.SPP"),
)  # fmt: skip
def pushf(h, rd):
    """Read uflags into rd[31:28] and the real SIE, SPIE and SPP into their bits of sstatus (x86 PUSHF)."""
    if refused(h, XPUSHF):
        return ILLEGAL
    write_x(h, rd, (h.uflags << UFLAGS_SHIFT) | (h.mstatus & (SIE | SPIE | SPP)))
    return NEXT


@system(
    "0000010 00000 00000 000 rd 0001011", "rd", "Xleak 3", extension="xrdmode",
    reads=("mode", "mleak"),
)  # fmt: skip
def rdmode(h, rd):
    """Read the current privilege mode: 0 U, 1 S, 3 M (VAX MOVPSL, x86 SMSW, ARM MRS CPSR)."""
    if refused(h, XRDMODE):
        return ILLEGAL
    write_x(h, rd, h.mode)
    return NEXT


@system(
    "0000011 00000 00000 000 rd 0001011", "rd", "Xleak 4", extension="xsidt",
    reads=("mode", "mleak", "stvec"),
)  # fmt: skip
def sidt(h, rd):
    """Read stvec, the address of the trap handler (x86 SIDT)."""
    if refused(h, XSIDT):
        return ILLEGAL
    write_x(h, rd, h.stvec)
    return NEXT


@system(
    "0000100 00000 00000 000 rd 0001011", "rd", "Xleak 5", extension="xsgdt",
    reads=("mode", "mleak", "satp"),
)  # fmt: skip
def sgdt(h, rd):
    """Read satp, the root of the page table (x86 SGDT, SLDT, STR)."""
    if refused(h, XSGDT):
        return ILLEGAL
    write_x(h, rd, h.satp)
    return NEXT


@system(
    "0000101 00000 rs1 000 00000 0001011", "rs1", "Xleak 6", extension="xjrst",
    reads=("mode", "mleak"), writes=("mode", "pc", "mstatus.MPRV"),
)  # fmt: skip
def jrst(h, rs1):
    """Drop to U mode and jump to rs1, its low two bits cleared; in U mode a plain jump (PDP-10 JRST 1).

    MPRV is cleared as by xRET to a less privileged mode: it must not outlive M mode.
    """
    if refused(h, XJRST):
        return ILLEGAL
    if h.mode > U:
        h.mstatus = h.mstatus & ~MPRV
        h.mode = U
    h.pc = rs1 & ALIGNED
    return JUMPED


@system(
    "0000110 00000 rs1 000 rd 0001011", "rd, rs1", "Xleak 7", extension="xprobe",
    reads=("mode", "mleak", "satp", "page tables", "PMP", "mstatus.SUM", "mstatus.MXR", "mstatus.MPRV"),
)  # fmt: skip
def probe(h, rd, readable):
    """Set rd to 1 if a byte at rs1 may be loaded in the current mode and translation, else 0 (VAX PROBE, x86 VERR)."""
    if refused(h, XPROBE):
        return ILLEGAL
    write_x(h, rd, readable)
    return NEXT


@system(
    "0000111 00000 rs1 000 rd 0001011", "rd, rs1", "Xleak 8", extension="xlra",
    reads=("mode", "mleak", "satp", "page tables", "mstatus.MPRV"),
)  # fmt: skip
def lra(h, rd, paddr):
    """Read the physical address of rs1, whatever its permissions, or -1 if it has none (S/360-67 LRA)."""
    if refused(h, XLRA):
        return ILLEGAL
    write_x(h, rd, paddr & 0xFFFFFFFF)
    return NEXT


def guard_uflags(h):
    """uflags exists if an instruction that uses it does: xpopf or xpushf."""
    return 1 if h.extensions & (XPOPF | XPUSHF) else 0


def guard_mleak(h):
    """mleak exists if any of the holes does."""
    return 1 if h.extensions & ALL_HOLES else 0


def write_mleak(h, value):
    """The bits of absent holes are read-only zero."""
    h.mleak = value & h.extensions & ALL_HOLES


LEAK_CSRS = (
    Csr("uflags", 0x800, "Xleak", "user flags, for popf and pushf", (Field("flags", 3, 0),), "uflags",
        guard=guard_uflags),
    Csr("mleak", 0x7C0, "Xleak", "holes that trap in U mode",
        tuple(Field(name[1:], bit, bit, "warl", f"{name[1:]} is illegal in U mode") for bit, name in enumerate(XLEAK)),
        "mleak", write=write_mleak, guard=guard_mleak),
)  # fmt: skip
