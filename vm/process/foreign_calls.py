"""What to say about a system call that is not served: numbers of teaching simulators, and what Linux has instead.

RARS and Ripes take the number in a7 as Linux does, Venus takes it in a0. Sources: the RARS wiki, "Environment Calls";
the Venus wiki, "Environmental Calls".
"""

from collections.abc import Mapping

from trapline.vm.process.system_calls import NAMES_WITHOUT_SERVICE

_EXIT = "exit is 93, the status in a0"
_WRITE = "write is 64: a0 = 1, a1 = address, a2 = bytes"
_READ = "read is 63: a0 = 0, a1 = address, a2 = bytes"
_NUMBER = f"{_WRITE}, of a number as text"
_NOT_A_NUMBER = f"{_READ}, and the number is text"
_DIALOG = f"there are no dialogs; {_WRITE}"
_FILE = "a program has no files but 0, 1 and 2"

RARS: dict[int, tuple[str, str]] = {
    1: ("PrintInt", _NUMBER), 2: ("PrintFloat", _NUMBER), 3: ("PrintDouble", _NUMBER), 4: ("PrintString", _WRITE),
    5: ("ReadInt", _NOT_A_NUMBER), 6: ("ReadFloat", _NOT_A_NUMBER), 7: ("ReadDouble", _NOT_A_NUMBER),
    8: ("ReadString", _READ), 9: ("Sbrk", "brk is 214: a0 = the new end, or 0 to ask for it"), 10: ("Exit", _EXIT),
    11: ("PrintChar", _WRITE), 12: ("ReadChar", _READ), 30: ("Time", "clock_gettime64 is 403"),
    31: ("MidiOut", "there is no sound"), 32: ("Sleep", "clock_nanosleep64 is 407"),
    33: ("MidiOutSync", "there is no sound"), 34: ("PrintIntHex", _NUMBER), 35: ("PrintIntBinary", _NUMBER),
    36: ("PrintIntUnsigned", _NUMBER), **dict.fromkeys(range(40, 45), ("Rand", "getrandom is 278")),
    **dict.fromkeys((50, 51, 52, 53, 54, 55, 56, 58, 59, 60), ("Dialog", _DIALOG)),
}  # fmt: skip
"""Name and what Linux has instead, by number in a7; those that mean the same on Linux are left out."""

VENUS: dict[int, tuple[str, str]] = {
    1: ("print_int", _NUMBER), 4: ("print_string", _WRITE), 9: RARS[9], 10: ("exit", _EXIT),
    11: ("print_character", _WRITE), 17: ("exit2", _EXIT), 34: ("printHex", _NUMBER),
    **dict.fromkeys((13, 14, 15, 16, 18, 19, 20), ("a call for files", _FILE)),
}  # fmt: skip
"""The same by number in a0."""

AT_FDCWD = 0xFFFFFF9C
ON_FOLDERS = frozenset((34, 35, 56))
"""Calls of Linux whose a0 is a folder, which is AT_FDCWD where no other is open, and that RARS has for other things."""
PROBED = frozenset(
    number for number, name in NAMES_WITHOUT_SERVICE.items()
    if name in ("mremap", "riscv_hwprobe", "membarrier", "rseq", "clone3")
)  # fmt: skip
"""Calls that C libraries try, and do without."""
MOST = 8
"""Numbers that are reported, at most: a program that counts them up must not fill the screen."""


class ForeignCalls:
    """The calls that one process has made and that are not Linux's; each number is reported once.

    seen: those that were.
    """

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def remark(self, number: int, first: int, served: Mapping[int, object], place: str) -> str | None:
        """What to say of the call `number` with a0 = `first`: that it fails, and what to call; None for nothing."""
        misread = number in ON_FOLDERS and first != AT_FDCWD
        if (number in served and not misread) or number in PROBED or number in self.seen or len(self.seen) == MOST:
            return None
        self.seen.add(number)
        if misread:
            text = f"system call {number} at {place}: it is for files, and a program has none"
        elif name := NAMES_WITHOUT_SERVICE.get(number):
            text = f"system call {name} ({number}) at {place} is not served: it returns -38 (ENOSYS)"
        else:
            text = f"unknown system call {number} at {place}: it returns -38 (ENOSYS)"
        if number == 0 and first in VENUS:
            name, instead = VENUS[first]
            text += f"\n  Linux takes the number in a7; in Venus {first} in a0 is {name}: on Linux {instead}"
        elif number in RARS:
            name, instead = RARS[number]
            text += f"\n  in RARS {number} is {name}: on Linux {instead}"
        return text
