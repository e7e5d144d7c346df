"""The machine-level CSRs (specification, volume II, chapter 3) and physical memory protection."""

from trapline.isa.cache_blocks import legal_envcfg
from trapline.isa.cause import MEI, MSI, MTI, SEI, SEIP, SSI, SSIP, STI, STIP
from trapline.isa.csr import Csr, Field
from trapline.isa.environment import STCE
from trapline.isa.extension import extension_bit
from trapline.isa.mode import MODE_BITS, RESERVED_MODE
from trapline.isa.mstatus import MPP, MPP_SHIFT, MSTATUS_FIELDS, MSTATUS_WRITABLE
from trapline.isa.pmp import A_SHIFT, PMP_A, PMP_ENTRIES, PMP_L, PMP_PER_CSR, PMP_R, PMP_W, PMP_WRITABLE, TOR
from trapline.isa.trap import TVEC_RESERVED
from trapline.isa.word import ALIGNED, HALFWORD, s32, u32, where

INTERRUPT_FIELDS = (
    Field("SSI", SSI, SSI), Field("MSI", MSI, MSI), Field("STI", STI, STI),
    Field("MTI", MTI, MTI), Field("SEI", SEI, SEI), Field("MEI", MEI, MEI),
)  # fmt: skip

CAUSE_FIELDS = (Field("Interrupt", 31, 31), Field("Code", 30, 0))

ENVCFG_FIELDS = (
    Field("FIOM", 0, 0, "rw", "fences order I/O as memory; without effect here"),
    Field("CBIE", 5, 4, "warl", "cbo.inval is legal unless 0; read-only zero without Zicbom"),
    Field("CBCFE", 6, 6, "warl", "cbo.clean and cbo.flush are legal; read-only zero without Zicbom"),
)

CY = 1 << 0
TM = 1 << 1
IR = 1 << 2
"""Bits of mcounteren, scounteren and mcountinhibit: mcycle, mtime and minstret."""

MIP_WRITABLE = SSIP | STIP | SEIP


COMPRESSED = extension_bit("c")


def legal_epc(h, value):
    """What mepc and sepc hold of an address: one where an instruction can begin.

    "The low bit of mepc (mepc[0]) is always zero. On implementations that support only IALIGN=32, the two low bits
    (mepc[1:0]) are always zero." (3.1.14)
    """
    return value & (ALIGNED | where(h.extensions & COMPRESSED, HALFWORD, 0))


def write_mepc(h, value):
    """See `legal_epc`."""
    h.mepc = legal_epc(h, value)


def write_mstatus(h, value):
    """Obey all writable fields; MPP keeps its value when the reserved mode is written."""
    if (value >> MPP_SHIFT) & MODE_BITS == RESERVED_MODE:
        value = (value & ~MPP) | (h.mstatus & MPP)
    h.mstatus = value & MSTATUS_WRITABLE


def write_tvec_mode(old, value):
    """mtvec and stvec: modes 0 (direct) and 1 (vectored) exist; a write of another keeps the old value."""
    return old if value & TVEC_RESERVED else value


def write_mtvec(h, value):
    """See `write_tvec_mode`."""
    h.mtvec = write_tvec_mode(h.mtvec, value)


def write_menvcfg(h, value):
    """See `legal_envcfg`."""
    h.menvcfg = legal_envcfg(h, h.menvcfg, value)


def read_mip(h):
    """Software-writable bits together with the lines that devices hold."""
    return h.mip | h.lines


def write_mip(h, value):
    """SSIP, STIP and SEIP are writable; the M-mode bits follow their devices.

    "If the stimecmp (supervisor-mode timer compare) register is implemented, STIP is read-only in mip and reflects the
    supervisor-level timer interrupt signal resulting from stimecmp" (3.1.9): while STCE is set.
    """
    h.mip = value & (MIP_WRITABLE & ~STIP if h.menvcfgh & STCE else MIP_WRITABLE)


def held_mip(h):
    """ "only the software-writable SEIP bit participates in the read-modify-write sequence of a CSRRS or CSRRC
    instruction", not the line from the interrupt controller (3.1.9)."""
    return h.mip


def counter_low(count, offset):
    """Low word of a 64-bit counter kept as a count and the offset that a write left."""
    return u32(count + offset)


def counter_high(count, offset):
    """High word of a 64-bit counter kept as a count and the offset that a write left."""
    return u32((count + offset) >> 32)


def counter_offset(count, low, high):
    """The offset that makes a counter at `count` read as high:low, in the range of a 64-bit integer."""
    borrow = 1 if low < u32(count) else 0
    difference = u32(high - (count >> 32) - borrow)
    return (s32(difference) << 32) + u32(low - count)


def counted(count, inhibited):
    """What a counter's offset is relative to: the running count, or 0 while it is inhibited."""
    return 0 if inhibited else count


def read_mcycle(h):
    """Low word of the number of cycles; one instruction, retired or trapped, takes one."""
    return counter_low(counted(h.cycle, h.mcountinhibit & CY), h.mcycle)


def read_mcycleh(h):
    """High word of the number of cycles."""
    return counter_high(counted(h.cycle, h.mcountinhibit & CY), h.mcycle)


def counter_with_low(count, offset, low, inhibited):
    """The offset of a counter whose low word this instruction writes.

    "an explicit CSR write suppresses and overrides any implicit writes or modifications to the same CSR by the same
    instruction" (volume I, Zicsr): the counter is one register of 64 bits, so neither half counts this step, and the
    written value is what the next instruction reads.
    """
    return counter_offset(counted(count + 1, inhibited), low, counter_high(counted(count, inhibited), offset))


def counter_with_high(count, offset, high, inhibited):
    """The offset of a counter whose high word this instruction writes; see `counter_with_low`."""
    return counter_offset(counted(count + 1, inhibited), counter_low(counted(count, inhibited), offset), high)


def write_mcycle(h, value):
    """See `counter_with_low`."""
    h.mcycle = counter_with_low(h.cycle, h.mcycle, value, h.mcountinhibit & CY)


def write_mcycleh(h, value):
    """See `counter_with_low`."""
    h.mcycle = counter_with_high(h.cycle, h.mcycle, value, h.mcountinhibit & CY)


def read_minstret(h):
    """Low word of the number of retired instructions."""
    return counter_low(counted(h.instret, h.mcountinhibit & IR), h.minstret)


def read_minstreth(h):
    """High word of the number of retired instructions."""
    return counter_high(counted(h.instret, h.mcountinhibit & IR), h.minstret)


def write_minstret(h, value):
    """See `counter_with_low`."""
    h.minstret = counter_with_low(h.instret, h.minstret, value, h.mcountinhibit & IR)


def write_minstreth(h, value):
    """See `counter_with_low`."""
    h.minstret = counter_with_high(h.instret, h.minstret, value, h.mcountinhibit & IR)


def rebase(count, offset, was, now):
    """The offset of a counter whose inhibit bit goes from `was` to `now` with this instruction.

    "Any CSR write takes effect after the writing instruction has otherwise completed" (volume I, Zicsr): whether this
    instruction is counted is for the old bit to say.
    """
    after = counted(count + 1, was)
    return counter_offset(counted(count + 1, now), counter_low(after, offset), counter_high(after, offset))


def write_mcountinhibit(h, value):
    """CY and IR stop their counter after this instruction, and let it go on from where it stopped."""
    if (value ^ h.mcountinhibit) & CY:
        h.mcycle = rebase(h.cycle, h.mcycle, h.mcountinhibit & CY, value & CY)
    if (value ^ h.mcountinhibit) & IR:
        h.minstret = rebase(h.instret, h.minstret, h.mcountinhibit & IR, value & IR)
    h.mcountinhibit = value & (CY | IR)


def read_pmpcfg(h, index):
    """Four one-byte PMP configurations."""
    return (
        h.pmpcfg[PMP_PER_CSR * index]
        | (h.pmpcfg[PMP_PER_CSR * index + 1] << 8)
        | (h.pmpcfg[PMP_PER_CSR * index + 2] << 16)
        | (h.pmpcfg[PMP_PER_CSR * index + 3] << 24)
    )


def write_pmpcfg(h, index, value):
    """A locked entry ignores writes; the reserved combination R=0, W=1 leaves the entry as it was."""
    for i in range(PMP_PER_CSR):
        old = h.pmpcfg[PMP_PER_CSR * index + i]
        new = (value >> (8 * i)) & PMP_WRITABLE
        if old & PMP_L == 0 and new & (PMP_R | PMP_W) != PMP_W:
            h.pmpcfg[PMP_PER_CSR * index + i] = new
    h.stale = 1


def read_pmpaddr(h, index):
    """Bits 33 to 2 of a physical address."""
    return h.pmpaddr[index]


def write_pmpaddr(h, index, value):
    """ "If PMP entry i is locked, writes to pmpicfg and pmpaddri are ignored. Additionally, if PMP entry i is
    locked and pmpicfg.A is set to TOR, writes to pmpaddri-1 are ignored." (3.7.1.2)"""
    locked = h.pmpcfg[index] & PMP_L
    if index < PMP_ENTRIES - 1 and h.pmpcfg[index + 1] & (PMP_L | PMP_A) == PMP_L | TOR << A_SHIFT:
        locked = PMP_L
    if locked == 0:
        h.pmpaddr[index] = value
    h.stale = 1


def _word(name: str, rule: str = "rw") -> tuple[Field, ...]:
    return (Field(name, 31, 0, rule),)


_COUNTEREN = (Field("CY", 0, 0), Field("TM", 1, 1), Field("IR", 2, 2), Field("HPM", 31, 3, "ro"))

MACHINE_CSRS = (
    Csr("mvendorid", 0xF11, "Priv 3.1.2", "vendor: none", constant=0),
    Csr("marchid", 0xF12, "Priv 3.1.3", "architecture: not registered", constant=0),
    Csr("mimpid", 0xF13, "Priv 3.1.4", "implementation: not versioned", constant=0),
    Csr("mhartid", 0xF14, "Priv 3.1.5", "number of this hart", storage="mhartid"),
    Csr("mconfigptr", 0xF15, "Priv 3.1.17", "no configuration data structure", constant=0),
    Csr("mstatus", 0x300, "Priv 3.1.6", "machine status", MSTATUS_FIELDS, "mstatus", write=write_mstatus),
    Csr("misa", 0x301, "Priv 3.1.1", "ISA and extensions; writes are ignored", _word("ISA", "ro"), "misa"),
    Csr("medeleg", 0x302, "Priv 3.1.8", "exceptions handled in S mode",
        (Field("exceptions", 9, 0), Field("page faults", 13, 12), Field("store page fault", 15, 15)), "medeleg"),
    Csr("mideleg", 0x303, "Priv 3.1.8", "interrupts handled in S mode",
        tuple(f for f in INTERRUPT_FIELDS if f.name.startswith("S")), "mideleg"),
    Csr("mie", 0x304, "Priv 3.1.9", "interrupts enabled", INTERRUPT_FIELDS, "mie"),
    Csr("mtvec", 0x305, "Priv 3.1.7", "trap vector of M mode",
        (Field("BASE", 31, 2, "warl"), Field("MODE", 1, 0, "warl", "0 direct, 1 vectored")),
        "mtvec", write=write_mtvec),
    Csr("mcounteren", 0x306, "Priv 3.1.11", "counters readable below M mode", _COUNTEREN, "mcounteren"),
    Csr("mstatush", 0x310, "Priv 3.1.6", "SBE and MBE: little-endian always", constant=0),
    Csr("menvcfg", 0x30A, "Priv 3.1.18", "environment below M mode",
        ENVCFG_FIELDS, "menvcfg", write=write_menvcfg),
    Csr("mcountinhibit", 0x320, "Priv 3.1.12", "counters that stand still",
        (Field("CY", 0, 0), Field("IR", 2, 2), Field("HPM", 31, 3, "ro")), "mcountinhibit", write=write_mcountinhibit),
    Csr("mscratch", 0x340, "Priv 3.1.13", "for the M-mode trap handler", _word("mscratch"), "mscratch",
        inert=True),
    Csr("mepc", 0x341, "Priv 3.1.14", "address of the trapped instruction",
        (Field("mepc", 31, 1, "warl", "bit 1 only with compressed instructions"),), "mepc", write=write_mepc,
        inert=True),
    Csr("mcause", 0x342, "Priv 3.1.15", "cause of the trap", CAUSE_FIELDS, "mcause", inert=True),
    Csr("mtval", 0x343, "Priv 3.1.16", "address or instruction that trapped", _word("mtval"), "mtval",
        inert=True),
    Csr("mip", 0x344, "Priv 3.1.9", "interrupts pending", INTERRUPT_FIELDS, "mip",
        read=read_mip, write=write_mip, held=held_mip),
    *(Csr(f"pmpcfg{i}", 0x3A0 + i, "Priv 3.7.1", f"configuration of PMP entries {4 * i} to {4 * i + 3}",
          tuple(Field(f"pmp{4 * i + j}cfg", 8 * j + 7, 8 * j, "warl") for j in range(4)),
          index=i, read=read_pmpcfg, write=write_pmpcfg) for i in range(PMP_ENTRIES // PMP_PER_CSR)),
    *(Csr(f"pmpaddr{i}", 0x3B0 + i, "Priv 3.7.1", f"address of PMP entry {i}", _word("address", "warl"),
          index=i, read=read_pmpaddr, write=write_pmpaddr) for i in range(PMP_ENTRIES)),
    Csr("mcycle", 0xB00, "Priv 3.1.10", "cycles, low half", _word("cycles"), read=read_mcycle, write=write_mcycle),
    Csr("minstret", 0xB02, "Priv 3.1.10", "retired instructions, low half", _word("instructions"),
        read=read_minstret, write=write_minstret),
    Csr("mcycleh", 0xB80, "Priv 3.1.10", "cycles, high half", _word("cycles"), read=read_mcycleh, write=write_mcycleh),
    Csr("minstreth", 0xB82, "Priv 3.1.10", "retired instructions, high half", _word("instructions"),
        read=read_minstreth, write=write_minstreth),
    *(Csr(f"mhpmcounter{i}", 0xB00 + i, "Priv 3.1.10", "no such counter: zero", constant=0) for i in range(3, 32)),
    *(Csr(f"mhpmcounter{i}h", 0xB80 + i, "Priv 3.1.10", "no such counter: zero", constant=0) for i in range(3, 32)),
    *(Csr(f"mhpmevent{i}", 0x320 + i, "Priv 3.1.10", "no such event: zero", constant=0) for i in range(3, 32)),
)  # fmt: skip
