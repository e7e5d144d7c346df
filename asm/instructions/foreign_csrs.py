"""CSRs of extensions that this machine does not implement (privileged specification, 2.2).

Portable code names them after a test of `misa`, or to see whether they trap; here all of them trap.
"""


def _row(first: int, names: str) -> dict[str, int]:
    return {name: first + index for index, name in enumerate(names.split())}


FOREIGN_CSRS: dict[str, int] = {
    **_row(0x001, "fflags frm fcsr"),
    **_row(0x008, "vstart vxsat vxrm"), "vcsr": 0x00F, "seed": 0x015, **_row(0xC20, "vl vtype vlenb"),
    "stimecmp": 0x14D, "stimecmph": 0x15D, "scountovf": 0xDA0,
    "vsstatus": 0x200, **_row(0x204, "vsie vstvec"), **_row(0x240, "vsscratch vsepc vscause vstval vsip"),
    "vstimecmp": 0x24D, "vstimecmph": 0x25D, "vsatp": 0x280,
    "hstatus": 0x600, **_row(0x602, "hedeleg hideleg hie htimedelta hcounteren hgeie"), "henvcfg": 0x60A,
    "htimedeltah": 0x615, "henvcfgh": 0x61A, **_row(0x643, "htval hip hvip"), "htinst": 0x64A, "hgatp": 0x680,
    "hgeip": 0xE12, "mtinst": 0x34A, "mtval2": 0x34B, "mseccfg": 0x747, "mseccfgh": 0x757,
    **_row(0x7A0, "tselect tdata1 tdata2 tdata3 tinfo tcontrol"), "mcontext": 0x7A8, "scontext": 0x5A8,
    "hcontext": 0x6A8, **_row(0x7B0, "dcsr dpc dscratch0 dscratch1"),
}  # fmt: skip
"""Address by name."""
