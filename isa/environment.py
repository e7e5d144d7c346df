"""What M mode configures below it in the high half of menvcfg (volume II, 3.1.18), and what the fields switch.

The fields of an absent extension are read-only zero.
"""

from trapline.isa.cause import STIP
from trapline.isa.csr import Csr, Field
from trapline.isa.extension import extension_bit

SSTC = extension_bit("sstc")
SVADE = extension_bit("svade")
SVADU = extension_bit("svadu")

ADUE = 1 << 29
STCE = 1 << 31
"""Fields of menvcfg as menvcfgh has them."""


def reset_menvcfgh(extensions):
    """menvcfgh after reset: ADUE is set where Svadu is the only one of the two that the hart has.

    "Only Svadu present in DT => Supervisor must assume Svadu to be always enabled."; "Both Svade and Svadu present in
    DT => Supervisor must assume Svadu turned-off at boot time." (the device tree's binding of RISC-V extensions)
    """
    return ADUE if extensions & (SVADE | SVADU) == SVADU else 0


def menvcfgh_fields(extensions):
    """The bits of menvcfgh that there are."""
    return (STCE if extensions & SSTC else 0) | (ADUE if extensions & SVADU else 0)


def write_menvcfgh(h, value):
    """Change the fields that there are. With STCE, STIP begins or ends to be stimecmp's alone."""
    fields = menvcfgh_fields(h.extensions)
    if (value ^ h.menvcfgh) & fields & STCE:
        h.mip = h.mip & ~STIP
        h.lines = h.lines & ~STIP
    h.menvcfgh = value & fields


def updates_entries(h):
    """Whether a page walk sets A and D of an entry; where it does not, a bit that is clear is a page fault.

    "When menvcfg.ADUE=1, hardware updating of PTE A/D bits is enabled during S-mode address translation, and the
    implementation behaves as though the Svade extension were not implemented for S-mode address translation. When
    menvcfg.ADUE=0, the implementation behaves as though Svade were implemented" (3.1.18). With neither extension it
    sets them.
    """
    if h.extensions & SVADU:
        return h.menvcfgh & ADUE != 0
    return h.extensions & SVADE == 0


ENVIRONMENT_CSRS = (
    Csr("menvcfgh", 0x31A, "Priv 3.1.18", "high half of menvcfg",
        (Field("ADUE", 29, 29, "warl", "Svadu: page walks set A and D"),
         Field("STCE", 31, 31, "warl", "Sstc: stimecmp is there below M mode and drives STIP")),
        "menvcfgh", write=write_menvcfgh, retimes=True),
)  # fmt: skip
