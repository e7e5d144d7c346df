"""The parts of a hart's state that Popek and Goldberg's definitions tell apart, as names of fields of a hart.

Every declared field of a hart (`isa.hart.FIELDS`) belongs to exactly one part.
"""

from trapline.isa.hart import FIELDS

VISIBLE_FIELDS = ("x", "pc", "uflags", "reservation")
"""What a program can see of its hart; it also sees the memory that it can reach."""
RELOCATION_FIELDS = ("satp", "pmpcfg", "pmpaddr")
VARIED_FIELDS = (
    "mstatus", "medeleg", "mideleg", "mie", "mip", "lines", "mtvec", "stvec", "mepc", "mcause", "mtval", "mscratch",
    "sepc", "scause", "stval", "sscratch", "stimecmp", "stimecmph",
)  # fmt: skip
"""Trap and interrupt configuration that differs from state to state."""
FIXED_FIELDS = ("mcounteren", "scounteren", "mcountinhibit", "menvcfg", "menvcfgh", "senvcfg", "mleak")
"""Configuration that says which machine this is: at its reset value unless the user fixes another.

Each is also the name of its CSR.
"""
CONFIGURATION_FIELDS = (*VARIED_FIELDS, *FIXED_FIELDS)
TIME_FIELDS = ("cycle", "instret", "mtime", "mcycle", "minstret")
CONSTANT_FIELDS = ("mhartid", "misa", "extensions")
"""What neither an instruction nor a hypervisor changes."""
TRIGGER_FIELDS = ("tselect", "tdata1", "tdata2", "triggers")
"""All triggers are disabled in every state."""
DERIVED_FIELDS = ("stale",)
CONTROL_FIELDS = ("mode", *RELOCATION_FIELDS, *CONFIGURATION_FIELDS, *CONSTANT_FIELDS, *TRIGGER_FIELDS)
"""What a hypervisor owns."""

_named = (*VISIBLE_FIELDS, *CONTROL_FIELDS, *TIME_FIELDS, *DERIVED_FIELDS)
assert sorted(_named) == sorted(name for name, _ in FIELDS), "each field of a hart belongs to one part of its state"
