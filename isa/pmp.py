"""Physical memory protection: the fields of a one-byte configuration (volume II, 3.7.1)."""

PMP_R = 1 << 0
PMP_W = 1 << 1
PMP_X = 1 << 2
PMP_A = 3 << 3
"""How an entry matches addresses: OFF, TOR, NA4 or NAPOT."""
PMP_L = 1 << 7
"""Locked until reset, and in force for M mode, too."""

PMP_WRITABLE = PMP_L | PMP_A | PMP_X | PMP_W | PMP_R

A_SHIFT = 3
OFF = 0
TOR = 1
NA4 = 2
NAPOT = 3

PMP_ENTRIES = 16
PMP_PER_CSR = 4
"""Configurations in a pmpcfg register."""
PMP_GRAIN_SHIFT = 2
PMP_GRAIN = 1 << PMP_GRAIN_SHIFT
"""pmpaddr holds bits 33 to 2 of a physical address."""
