"""The decoded instruction: one int64 in `code`, which `decode_word` packs and `execute` takes apart.

The op number, rd, rs1 (or a five-bit constant) and rs2, a byte each; then the immediate, shift amount or CSR address.
"""

OP = 0xFF
"""The bits of the op number."""

PACKED_RD = 8
PACKED_RS1 = 16
PACKED_RS2 = 24
PACKED_IMM = 32
"""Where a field begins."""

REGISTER = 31
"""The bits of a register number, once shifted down."""

UNKNOWN = 2
"""Op number of an illegal word."""
