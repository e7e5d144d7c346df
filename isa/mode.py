"""Privilege modes, as `mode` of a hart, MPP and SPP hold them (volume II, 1.2)."""

U = 0
S = 1
RESERVED_MODE = 2
M = 3

MODE_NAMES = {U: "U", S: "S", M: "M"}
"""The letter of each privilege mode, in ascending order of privilege."""

MODE_BITS = 3
"""What a mode takes in MPP, and in the address of a CSR."""
