"""Trap causes, by code and by the specification's name (volume II, table of mcause values)."""

INTERRUPT = 0x80000000
"""Set in mcause for an interrupt, clear for an exception."""

FETCH_MISALIGNED = 0
FETCH_ACCESS = 1
ILLEGAL = 2
BREAKPOINT = 3
LOAD_MISALIGNED = 4
LOAD_ACCESS = 5
STORE_MISALIGNED = 6
STORE_ACCESS = 7
ECALL_U = 8
ECALL_S = 9
ECALL_M = 11
FETCH_PAGE = 12
LOAD_PAGE = 13
STORE_PAGE = 15

SSI = 1
MSI = 3
STI = 5
MTI = 7
SEI = 9
MEI = 11

SSIP, MSIP, STIP, MTIP, SEIP, MEIP = (1 << code for code in (SSI, MSI, STI, MTI, SEI, MEI))
"""Their bits in mip, mie and mideleg."""

ALL_EXCEPTIONS = 0xFFFF
"""A bit for each cause, as in medeleg."""

CAUSE_CODE = 31
"""The bits of mcause that a cause of ours takes beside INTERRUPT."""

EXCEPTIONS = {
    FETCH_MISALIGNED: "instruction address misaligned",
    FETCH_ACCESS: "instruction access fault",
    ILLEGAL: "illegal instruction",
    BREAKPOINT: "breakpoint",
    LOAD_MISALIGNED: "load address misaligned",
    LOAD_ACCESS: "load access fault",
    STORE_MISALIGNED: "store/AMO address misaligned",
    STORE_ACCESS: "store/AMO access fault",
    ECALL_U: "environment call from U-mode",
    ECALL_S: "environment call from S-mode",
    ECALL_M: "environment call from M-mode",
    FETCH_PAGE: "instruction page fault",
    LOAD_PAGE: "load page fault",
    STORE_PAGE: "store/AMO page fault",
}

INTERRUPTS = {
    SSI: "supervisor software interrupt",
    MSI: "machine software interrupt",
    STI: "supervisor timer interrupt",
    MTI: "machine timer interrupt",
    SEI: "supervisor external interrupt",
    MEI: "machine external interrupt",
}


def describe(cause: int) -> str:
    """The specification's name of an mcause value, such as `load page fault`."""
    code = cause & ~INTERRUPT
    names = INTERRUPTS if cause & INTERRUPT else EXCEPTIONS
    return names.get(code, f"reserved cause {code}")
