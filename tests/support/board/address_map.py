"""Which device answers at which physical address, written again from the board's description."""

RAM, SIZE = 0x80000000, 1 << 16
ACCESSES = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "sb": 1, "sh": 2, "sw": 4}

MAPPED = (
    # start, end, widths
    (0x100000, 0x101000, (2, 4)),  # test finisher
    (0x2000000, 0x200C000, (4,)),  # CLINT
    (0xC000000, 0xC600000, (4,)),  # PLIC
    (0x10000000, 0x10000008, (1, 2, 4)),  # UART
    *((0x10001000 + 0x1000 * n, 0x10001200 + 0x1000 * n, (1, 2, 4)) for n in range(8)),  # virtio
    (RAM, RAM + SIZE, (1, 2, 4)),
)


def mapped(address: int, width: int) -> bool:
    """Whether an aligned access is answered."""
    return any(start <= address and address + width <= end and width in widths for start, end, widths in MAPPED)


def device_fault(name: str, address: int) -> int:
    """The cause that an access outside RAM ends with, 0 for none; no hart holds a reservation.

    Misaligned loads and stores reach memory only, and atomics are those of memory: "AMONone".
    """
    if name in ACCESSES:
        width = ACCESSES[name]
        if address % width == 0 and mapped(address, width):
            return 0
        return 7 if name[0] == "s" else 5
    if address % 4:
        return 4 if name == "lr.w" else 6
    if name == "sc.w":
        return 0  # it fails without an access
    return 5 if name == "lr.w" else 7
