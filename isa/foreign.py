"""CSRs and instructions that GNU as knows and this machine does not implement, or knows by another name.

Portable code names them after a test of `misa`, or to see whether they trap: they assemble, and the engine, which has
no declaration of them, raises an illegal-instruction exception. Sources: volume II, table 2.2 ff. of versions 1.9.1 to
1.12, and the specifications of the extensions named in the comments.
"""


def _row(first: int, names: str) -> dict[str, int]:
    return {name: first + index for index, name in enumerate(names.split())}


def _numbered(first: int, stem: str, numbers: range, suffix: str = "") -> dict[str, int]:
    return _row(first, " ".join(f"{stem}{number}{suffix}" for number in numbers))


OTHER_NAMES: dict[str, int] = {
    "sptbr": 0x180, "sbadaddr": 0x143, "mbadaddr": 0x343, "mucounteren": 0x320,
    **dict.fromkeys(("mcontrol", "mcontrol6", "icount", "itrigger", "etrigger", "tmexttrigger"), 0x7A1),
}  # fmt: skip
"""CSRs of this machine by other names: address by name. Those of version 1.9.1 (satp, stval, mtval, mcountinhibit), and
tdata1 by its types."""

FOREIGN_CSRS: dict[str, int] = {
    **_row(0x001, "fflags frm fcsr"),  # F
    **_row(0x008, "vstart vxsat vxrm"), "vcsr": 0x00F, **_row(0xC20, "vl vtype vlenb"),  # V
    "seed": 0x015,  # Zkr
    # N: user-level interrupts
    "ustatus": 0x000, **_row(0x004, "uie utvec"), **_row(0x040, "uscratch uepc ucause utval uip"), "ubadaddr": 0x043,
    **_row(0x102, "sedeleg sideleg"),
    "vstimecmp": 0x24D, "vstimecmph": 0x25D,  # Sstc, with H
    # Sscofpmf
    "scountovf": 0xDA0, **_numbered(0x723, "mhpmevent", range(3, 32), "h"),
    # H: the hypervisor extension
    "vsstatus": 0x200, **_row(0x204, "vsie vstvec"), **_row(0x240, "vsscratch vsepc vscause vstval vsip"),
    "vsatp": 0x280, "hstatus": 0x600, **_row(0x602, "hedeleg hideleg hie htimedelta hcounteren hgeie"),
    "henvcfg": 0x60A, "htimedeltah": 0x615, "henvcfgh": 0x61A, **_row(0x643, "htval hip hvip"), "htinst": 0x64A,
    "hgatp": 0x680, "hgeip": 0xE12, **_row(0x34A, "mtinst mtval2"),
    # Smstateen
    **_numbered(0x10C, "sstateen", range(4)),
    **_numbered(0x30C, "mstateen", range(4)), **_numbered(0x31C, "mstateen", range(4), "h"),
    **_numbered(0x60C, "hstateen", range(4)), **_numbered(0x61C, "hstateen", range(4), "h"),
    # Smaia and Ssaia: the advanced interrupt architecture
    "sieh": 0x114, **_row(0x150, "siselect sireg"), "siph": 0x154, "stopei": 0x15C, "stopi": 0xDB0,
    "vsieh": 0x214, **_row(0x250, "vsiselect vsireg"), "vsiph": 0x254, "vstopei": 0x25C, "vstopi": 0xEB0,
    **_row(0x308, "mvien mvip"), **_row(0x313, "midelegh mieh"), **_row(0x318, "mvienh mviph"),
    **_row(0x350, "miselect mireg"), "miph": 0x354, "mtopei": 0x35C, "mtopi": 0xFB0,
    **_row(0x608, "hvien hvictl"), "hidelegh": 0x613, "hvienh": 0x618, **_row(0x646, "hviprio1 hviprio2"),
    **_row(0x655, "hviph hviprio1h hviprio2h"),
    # Protection: entries beyond those of this machine, Smepmp, and the base and bound registers of version 1.9.1
    **_numbered(0x3A4, "pmpcfg", range(4, 16)), **_numbered(0x3C0, "pmpaddr", range(16, 64)),
    "mseccfg": 0x747, "mseccfgh": 0x757, **_row(0x380, "mbase mbound mibase mibound mdbase mdbound"),
    **_row(0x321, "mscounteren mhcounteren"),
    # Debug and triggers
    "tdata3": 0x7A3, "tcontrol": 0x7A5, "mcontext": 0x7A8, "mscontext": 0x7AA,
    "scontext": 0x5A8, "hcontext": 0x6A8,
    "textra32": 0x7A3, "textra64": 0x7A3, **_row(0x7B0, "dcsr dpc dscratch0 dscratch1"), "dscratch": 0x7B2,
}  # fmt: skip
"""Address by name of CSRs that trap when they are accessed."""

FOREIGN_WORDS: dict[str, int] = {
    "uret": 0x00200073, "hret": 0x20200073, "dret": 0x7B200073, "sfence.vm": 0x10400073,
}  # fmt: skip
"""Instructions without operands, by name; `sfence.vm` may have an rs1."""
RS1_SHIFT = 15
