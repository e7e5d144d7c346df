"""The supervisor-level CSRs (volume II, chapter 10) and the user-level counters (volume I, chapter 7)."""

from trapline.isa.cache_blocks import legal_envcfg
from trapline.isa.cause import SSIP
from trapline.isa.csr import Csr, Field
from trapline.isa.machine_csrs import (
    CAUSE_FIELDS,
    CY,
    ENVCFG_FIELDS,
    INTERRUPT_FIELDS,
    IR,
    TM,
    legal_epc,
    read_mcycle,
    read_mcycleh,
    read_minstret,
    read_minstreth,
    write_mstatus,
    write_tvec_mode,
)
from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MSTATUS_FIELDS, SSTATUS, TVM
from trapline.isa.word import u32


def read_sstatus(h):
    """ "The sstatus register is a subset of the mstatus register." """
    return h.mstatus & SSTATUS


def write_sstatus(h, value):
    """Change the S-mode part of mstatus."""
    write_mstatus(h, (h.mstatus & ~SSTATUS) | (value & SSTATUS))


def read_sie(h):
    """Delegated interrupts only; the others read as zero."""
    return h.mie & h.mideleg


def write_sie(h, value):
    """Change the delegated bits of mie."""
    h.mie = (h.mie & ~h.mideleg) | (value & h.mideleg)


def read_sip(h):
    """Delegated interrupts only; the others read as zero."""
    return (h.mip | h.lines) & h.mideleg


def write_sip(h, value):
    """SSIP alone is writable from S mode, and only when delegated."""
    mask = h.mideleg & SSIP
    h.mip = (h.mip & ~mask) | (value & mask)


def write_stvec(h, value):
    """See `isa.machine_csrs.write_tvec_mode`."""
    h.stvec = write_tvec_mode(h.stvec, value)


def write_satp(h, value):
    """All of MODE, ASID and PPN are implemented; cached translations are dropped."""
    h.satp = value
    h.stale = 1


def write_senvcfg(h, value):
    """See `legal_envcfg`."""
    h.senvcfg = legal_envcfg(h, h.senvcfg, value)


def write_sepc(h, value):
    """See `legal_epc`."""
    h.sepc = legal_epc(h, value)


def guard_satp(h):
    """ "When TVM=1, attempts to read or write the satp CSR ... while executing in S-mode will raise an
    illegal-instruction exception." (3.1.6.5)"""
    return 0 if h.mode == S and h.mstatus & TVM else 1


def counter_allowed(h, bit):
    """ "When the CY, TM, IR ... bit in the mcounteren register is clear, attempts to read the ... register
    while executing in S-mode or U-mode will cause an illegal-instruction exception." (3.1.11)
    The same holds for scounteren in U mode."""
    if h.mode < M and h.mcounteren & bit == 0:
        return 0
    if h.mode == U and h.scounteren & bit == 0:
        return 0
    return 1


def guard_cycle(h):
    """See `counter_allowed`."""
    return counter_allowed(h, CY)


def guard_time(h):
    """See `counter_allowed`."""
    return counter_allowed(h, TM)


def guard_instret(h):
    """See `counter_allowed`."""
    return counter_allowed(h, IR)


def guard_hpm(h):
    """mcounteren has no bit for an event counter, so only M mode may read one."""
    return 1 if h.mode == M else 0


def read_time(h):
    """Low word of mtime, in ticks of 100 ns."""
    return u32(h.mtime)


def read_timeh(h):
    """High word of mtime."""
    return u32(h.mtime >> 32)


def _word(name: str) -> tuple[Field, ...]:
    return (Field(name, 31, 0),)


_SIE_FIELDS = tuple(f for f in INTERRUPT_FIELDS if f.name.startswith("S"))

SUPERVISOR_CSRS = (
    Csr("sstatus", 0x100, "Priv 10.1.1", "supervisor status, a part of mstatus",
        tuple(f for f in MSTATUS_FIELDS if f.mask & SSTATUS), read=read_sstatus, write=write_sstatus),
    Csr("sie", 0x104, "Priv 10.1.3", "delegated interrupts enabled", _SIE_FIELDS, read=read_sie, write=write_sie),
    Csr("stvec", 0x105, "Priv 10.1.2", "trap vector of S mode",
        (Field("BASE", 31, 2, "warl"), Field("MODE", 1, 0, "warl", "0 direct, 1 vectored")),
        "stvec", write=write_stvec),
    Csr("scounteren", 0x106, "Priv 10.1.5", "counters readable in U mode",
        (Field("CY", 0, 0), Field("TM", 1, 1), Field("IR", 2, 2), Field("HPM", 31, 3, "ro")), "scounteren"),
    Csr("senvcfg", 0x10A, "Priv 10.1.10", "environment of U mode",
        ENVCFG_FIELDS, "senvcfg", write=write_senvcfg),
    Csr("sscratch", 0x140, "Priv 10.1.6", "for the S-mode trap handler", _word("sscratch"), "sscratch",
        inert=True),
    Csr("sepc", 0x141, "Priv 10.1.7", "address of the trapped instruction",
        (Field("sepc", 31, 1, "warl", "bit 1 only with compressed instructions"),), "sepc", write=write_sepc,
        inert=True),
    Csr("scause", 0x142, "Priv 10.1.8", "cause of the trap", CAUSE_FIELDS, "scause", inert=True),
    Csr("stval", 0x143, "Priv 10.1.9", "address or instruction that trapped", _word("stval"), "stval",
        inert=True),
    Csr("sip", 0x144, "Priv 10.1.3", "delegated interrupts pending", _SIE_FIELDS, read=read_sip, write=write_sip),
    Csr("satp", 0x180, "Priv 10.1.11", "address translation",
        (Field("MODE", 31, 31, "rw", "0 bare, 1 Sv32"), Field("ASID", 30, 22), Field("PPN", 21, 0)),
        "satp", write=write_satp, guard=guard_satp),
    Csr("cycle", 0xC00, "Unpriv 7.1", "cycles, low half", read=read_mcycle, guard=guard_cycle),
    Csr("time", 0xC01, "Unpriv 7.1", "mtime, low half", read=read_time, guard=guard_time),
    Csr("instret", 0xC02, "Unpriv 7.1", "retired instructions, low half", read=read_minstret, guard=guard_instret),
    Csr("cycleh", 0xC80, "Unpriv 7.1", "cycles, high half", read=read_mcycleh, guard=guard_cycle),
    Csr("timeh", 0xC81, "Unpriv 7.1", "mtime, high half", read=read_timeh, guard=guard_time),
    Csr("instreth", 0xC82, "Unpriv 7.1", "retired instructions, high half", read=read_minstreth, guard=guard_instret),
    *(Csr(f"hpmcounter{i}", 0xC00 + i, "Unpriv 7.2", "no such event counter: zero", constant=0, guard=guard_hpm)
      for i in range(3, 32)),
    *(Csr(f"hpmcounter{i}h", 0xC80 + i, "Unpriv 7.2", "no such event counter: zero", constant=0, guard=guard_hpm)
      for i in range(3, 32)),
)  # fmt: skip
