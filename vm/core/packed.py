"""The decoded instruction: one int64 in `code`, which `decode_word` packs and `execute` takes apart.

The op number, rd, rs1 (or a five-bit constant) and rs2, a byte each; then the immediate, shift amount or CSR address.
A compressed instruction is what it stands for, with another op number: the *short* form, which differs in its length
alone.
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

STRICT_SHIFT = 13
STRICT = 2 << STRICT_SHIFT
"""Set in a branch or jump whose target has to be a multiple of four: of a branch, if it is none; of jal and jalr, if
the hart has no compressed instructions. Shifted down by STRICT_SHIFT it is the bit that such a target must not have."""

UNKNOWN = 2
"""Op number of an illegal word."""
