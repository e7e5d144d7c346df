"""Sdtrig: triggers that raise a breakpoint exception at an address (RISC-V Debug Specification, chapter "Sdtrig").

Each of a hart's TRIGGERS is an address match, mcontrol: type 2, which is the only one, so that the type is fixed. It
fires before the instruction or the access, in the hart's own mode whatever MPRV says. Chains, data values, sizes and
actions other than the exception are not here: a write that asks for one leaves the trigger disabled. tdata3 and
tcontrol, which no trigger of this type needs, are not there.
"""

from trapline.isa.csr import Csr, Field
from trapline.isa.extension import extension_bit
from trapline.isa.mode import M
from trapline.isa.word import MASK

SDTRIG = extension_bit("sdtrig")

TRIGGERS = 4
"""Of each hart."""

ON_LOAD = 1 << 0
ON_STORE = 1 << 1
ON_EXECUTE = 1 << 2
"""Fields load, store and execute of mcontrol."""
ON_ACCESS = ON_LOAD | ON_STORE
ON_ANY = ON_ACCESS | ON_EXECUTE
MODE_FIELDS = 1 << 3 | 1 << 4 | 1 << 6
"""Fields u, s and m: bit 3 shifted by the number of the mode."""
MODE_FIELD_SHIFT = 3
MATCH_SHIFT = 7
MATCH = 0xF << MATCH_SHIFT
EQUAL, NAPOT, GREATER_OR_EQUAL, LESS = range(4)
"""Values of the field match that there are."""
UNSUPPORTED = 1 << 11 | 0xF << 12 | 3 << 16 | 1 << 18 | 1 << 19
"""Fields chain, action, sizelo, timing and select, which hold 0 only."""
TYPE_SHIFT = 28
MCONTROL = 2
"""Field type of tdata1."""
LARGEST_SHIFT = 31
"""Naturally aligned ranges have two to the power of this bytes at most, as field maskmax says."""
MASKMAX = LARGEST_SHIFT << 21
LARGEST = (1 << LARGEST_SHIFT) - 1
"""The bits of tdata2 that may say how large a range is; not all of them are set."""


def guard_sdtrig(h):
    """ "Attempts to access an unimplemented Trigger Module Register raise an illegal instruction exception." """
    return 1 if h.extensions & SDTRIG else 0


def write_tselect(h, value):
    """The number of a trigger; any other leaves the register as it was."""
    if value < TRIGGERS:
        h.tselect = value


def legal_mcontrol(value):
    """What a write of tdata1 leaves of the fields that can be written."""
    kept = value & (MODE_FIELDS | MATCH | ON_ANY)
    kind = value >> TYPE_SHIFT
    if (kept & MATCH) >> MATCH_SHIFT > LESS:
        return kept & ~(MATCH | ON_ANY)
    if value & UNSUPPORTED or (kind != MCONTROL and kind != 0):
        return kept & ~ON_ANY
    return kept


def legal_address(control, value):
    """What tdata2 holds of a value with this tdata1. "If bits maskmax-1:0 are written with all ones then bit maskmax-1
    will be set to 0" where these bits say how large a range is.
    """
    if (control & MATCH) >> MATCH_SHIFT == NAPOT and value & LARGEST == LARGEST:
        return value & ~(1 << (LARGEST_SHIFT - 1))
    return value


def read_tdata1(h):
    """Control of the selected trigger."""
    return MCONTROL << TYPE_SHIFT | MASKMAX | h.tdata1[h.tselect]


def write_tdata1(h, value):
    """See `legal_mcontrol`. Translations are dropped: they say which pages have an address that a trigger is about."""
    h.tdata1[h.tselect] = legal_mcontrol(value)
    h.tdata2[h.tselect] = legal_address(h.tdata1[h.tselect], h.tdata2[h.tselect])
    h.triggers = 0
    for i in range(TRIGGERS):
        if h.tdata1[i] & MODE_FIELDS:
            h.triggers = h.triggers | (h.tdata1[i] & ON_ANY)
    h.stale = 1


def read_tdata2(h):
    """Address of the selected trigger."""
    return h.tdata2[h.tselect]


def write_tdata2(h, value):
    """See `write_tdata1`."""
    h.tdata2[h.tselect] = legal_address(h.tdata1[h.tselect], value)
    h.stale = 1


def first_address(h, i):
    """The first address that a trigger matches."""
    match = (h.tdata1[i] & MATCH) >> MATCH_SHIFT
    if match == LESS:
        return 0
    if match == NAPOT:
        return h.tdata2[i] & (h.tdata2[i] + 1)
    return h.tdata2[i]


def last_address(h, i):
    """The last one; before the first where there is none."""
    match = (h.tdata1[i] & MATCH) >> MATCH_SHIFT
    if match == LESS:
        return h.tdata2[i] - 1
    if match == NAPOT:
        return (h.tdata2[i] | (h.tdata2[i] + 1)) & MASK
    return MASK if match == GREATER_OR_EQUAL else h.tdata2[i]


def fires(h, vaddr, does):
    """Whether a trigger fires on an access, of which it sees the first address. does: ON_LOAD and the like."""
    for i in range(TRIGGERS):
        control = h.tdata1[i]
        if control & does and control & (1 << MODE_FIELD_SHIFT << h.mode):
            if first_address(h, i) <= vaddr and vaddr <= last_address(h, i):
                return True
    return False


def has_trigger(h, first, last, does):
    """Whether a trigger, in whatever mode, is about an address from `first` to `last`."""
    for i in range(TRIGGERS):
        if h.tdata1[i] & does and first_address(h, i) <= last and first <= last_address(h, i):
            return True
    return False


def is_armed(h):
    """Whether a trigger can fire before the next trap: in the hart's mode, or in U or S mode, which change by sret."""
    if h.triggers == 0:
        return False
    modes = 1 << MODE_FIELD_SHIFT << M if h.mode == M else MODE_FIELDS & ~(1 << MODE_FIELD_SHIFT << M)
    for i in range(TRIGGERS):
        if h.tdata1[i] & ON_ANY and h.tdata1[i] & modes:
            return True
    return False


SDTRIG_CSRS = (
    Csr("tselect", 0x7A0, "Sdtrig", "number of the trigger that the others are about", (Field("index", 31, 0, "warl"),),
        "tselect", write=write_tselect, guard=guard_sdtrig),
    Csr("tdata1", 0x7A1, "Sdtrig", "control of a trigger: an address match, mcontrol",
        (Field("type", 31, 28, "ro", "2, mcontrol"), Field("maskmax", 26, 21, "ro"),
         Field("match", 10, 7, "warl", "0 equal, 1 NAPOT, 2 greater or equal, 3 less"),
         Field("m", 6, 6), Field("s", 4, 4), Field("u", 3, 3),
         Field("execute", 2, 2, "warl"), Field("store", 1, 1, "warl"), Field("load", 0, 0, "warl")),
        read=read_tdata1, write=write_tdata1, guard=guard_sdtrig),
    Csr("tdata2", 0x7A2, "Sdtrig", "address of a trigger", (Field("data", 31, 0),),
        read=read_tdata2, write=write_tdata2, guard=guard_sdtrig),
    Csr("tinfo", 0x7A4, "Sdtrig", "types that a trigger may have: mcontrol", constant=1 << MCONTROL,
        guard=guard_sdtrig),
)  # fmt: skip
