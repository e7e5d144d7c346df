"""How packets name harts: thread 2 of process 1 as `p1.2` or, for an old gdb, `2`; numbers begin with 1."""

from collections.abc import Mapping
from dataclasses import dataclass

FIRST_PROCESS = 1
ALL, ANY = -1, 0


@dataclass(frozen=True)
class ThreadId:
    """A thread as a packet names it. process: None for any or all; hart: from 0 on, None for any or all."""

    process: int | None = None
    hart: int | None = None


def parsed(text: str, harts: Mapping[int, int]) -> ThreadId:
    """Read an id. harts: how many each process has. Raises ValueError for one that names nothing of that."""
    process, dot, thread = text.removeprefix("p").partition(".")
    if not text.startswith("p"):
        number, thread = FIRST_PROCESS, text
        if _number(thread) in (ALL, ANY):
            return ThreadId()
    elif (number := _number(process)) in (ALL, ANY):
        return ThreadId()
    if number not in harts:
        raise ValueError(f"no process {number}")
    hart = _number(thread) if dot or thread else ALL
    if hart in (ALL, ANY):
        return ThreadId(number)
    if hart > harts[number]:
        raise ValueError(f"no thread {text}")
    return ThreadId(number, hart - 1)


def _number(text: str) -> int:
    if text == "-1":
        return ALL
    return hexadecimal(text)


def hexadecimal(text: str) -> int:
    """A number as packets have it, without sign or prefix. Raises ValueError."""
    if not text or any(c not in "0123456789abcdefABCDEF" for c in text):
        raise ValueError(f"{text!r} is no hexadecimal number")
    return int(text, 16)


def written(process: int, hart: int, multiprocess: bool) -> str:
    """The id of a hart."""
    return f"p{process:x}.{hart + 1:x}" if multiprocess else f"{hart + 1:x}"
