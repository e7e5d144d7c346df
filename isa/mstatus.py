"""mstatus, the status register of a hart: its fields, and their bits by name (volume II, 3.1.6)."""

from trapline.isa.csr import Field

MSTATUS_FIELDS = (
    Field("SIE", 1, 1, "rw", "S-mode interrupts enabled"),
    Field("MIE", 3, 3, "rw", "M-mode interrupts enabled"),
    Field("SPIE", 5, 5, "rw", "SIE before the trap to S mode"),
    Field("UBE", 6, 6, "ro", "U-mode big-endian: never"),
    Field("MPIE", 7, 7, "rw", "MIE before the trap to M mode"),
    Field("SPP", 8, 8, "rw", "mode before the trap to S mode"),
    Field("MPP", 12, 11, "warl", "mode before the trap to M mode: U, S or M"),
    Field("FS", 14, 13, "ro", "floating-point state: off"),
    Field("XS", 16, 15, "ro", "extension state: off"),
    Field("MPRV", 17, 17, "rw", "loads and stores as if in mode MPP"),
    Field("SUM", 18, 18, "rw", "S mode may access user pages"),
    Field("MXR", 19, 19, "rw", "executable pages are readable"),
    Field("TVM", 20, 20, "rw", "trap satp and sfence.vma in S mode"),
    Field("TW", 21, 21, "rw", "trap wfi below M mode"),
    Field("TSR", 22, 22, "rw", "trap sret in S mode"),
    Field("SD", 31, 31, "ro", "FS or XS dirty: never"),
)

_BITS = {f.name: f.mask for f in MSTATUS_FIELDS}
_LOW = {f.name: f.low for f in MSTATUS_FIELDS}

SIE = _BITS["SIE"]
MIE = _BITS["MIE"]
SPIE = _BITS["SPIE"]
MPIE = _BITS["MPIE"]
SPP = _BITS["SPP"]
MPP = _BITS["MPP"]
MPRV = _BITS["MPRV"]
SUM = _BITS["SUM"]
MXR = _BITS["MXR"]
TVM = _BITS["TVM"]
TW = _BITS["TW"]
TSR = _BITS["TSR"]

SPP_SHIFT = _LOW["SPP"]
MPP_SHIFT = _LOW["MPP"]
PIE_SHIFT = _LOW["SPIE"] - _LOW["SIE"]
"""Bits by which xPIE is above xIE, for S and for M."""

MSTATUS_WRITABLE = sum(f.mask for f in MSTATUS_FIELDS if f.rule != "ro")

ENABLES = SIE | MIE
"""What lets a pending interrupt be taken."""
INERT = SPIE | MPIE | SPP | TVM | TW | TSR
"""What nothing looks at but traps, returns from them, CSR and system instructions. The others say how memory is
accessed, or are `ENABLES`."""

SSTATUS = SIE | SPIE | SPP | SUM | MXR
"""The part of mstatus that S mode sees as sstatus."""
