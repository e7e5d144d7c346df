"""DWARF's LEB128 numbers, call frame instructions and pointer encodings.

DWARF 5, 7.6 and 7.24; LSB, "DWARF Exception Header Encoding".
"""

# Instructions with their first operand, of six bits, in the opcode.
CFA_ADVANCE_LOC, CFA_OFFSET, CFA_RESTORE = 0x40, 0x80, 0xC0
PACKED_LIMIT = 64

CFA_ADVANCE_LOC1, CFA_ADVANCE_LOC2, CFA_ADVANCE_LOC4 = 2, 3, 4
CFA_OFFSET_EXTENDED, CFA_RESTORE_EXTENDED, CFA_UNDEFINED, CFA_SAME_VALUE, CFA_REGISTER = 5, 6, 7, 8, 9
CFA_REMEMBER_STATE, CFA_RESTORE_STATE = 0x0A, 0x0B
CFA_DEF_CFA, CFA_DEF_CFA_REGISTER, CFA_DEF_CFA_OFFSET = 0x0C, 0x0D, 0x0E
CFA_OFFSET_EXTENDED_SF, CFA_DEF_CFA_SF, CFA_DEF_CFA_OFFSET_SF = 0x11, 0x12, 0x13
CFA_VAL_OFFSET, CFA_VAL_OFFSET_SF = 0x14, 0x15
CFA_WINDOW_SAVE = 0x2D

PE_FORMAT, PE_SIGNED, PE_APPLICATION = 0x07, 0x08, 0x70
PE_PC_RELATIVE = 0x10
PE_OMIT = 0xFF
POINTER_SIZES = {0: 4, 2: 2, 3: 4, 4: 8}
"""Bytes of a pointer by its format; format 0 is that of an address."""


def leb128(value: int, signed: bool) -> bytes:
    """The LEB128 encoding of a number."""
    result = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        done = (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40) if signed else value == 0
        result.append(byte | (0 if done else 0x80))
        if done:
            return bytes(result)
