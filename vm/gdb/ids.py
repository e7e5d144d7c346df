"""How packets name harts: a thread of process 1, from 1 on, as `p1.2` or, for an old gdb, `2`."""

from dataclasses import dataclass

PROCESS = 1
ALL, ANY = -1, 0


@dataclass(frozen=True)
class ThreadId:
    """A thread as a packet names it. hart: from 0 on, None for any; all: whether it names all."""

    hart: int | None = None
    all: bool = False


def parsed(text: str, harts: int) -> ThreadId:
    """Read an id. Raises ValueError for one that is not of this machine."""
    if text.startswith("p"):
        process, dot, thread = text[1:].partition(".")
        if _number(process) not in (PROCESS, ALL, ANY):
            raise ValueError(f"no process {process}")
        text = thread if dot else "-1"
    number = _number(text)
    if number == ALL:
        return ThreadId(all=True)
    if number == ANY:
        return ThreadId()
    if not 1 <= number <= harts:
        raise ValueError(f"no thread {text}")
    return ThreadId(number - 1)


def _number(text: str) -> int:
    if text == "-1":
        return ALL
    return hexadecimal(text)


def hexadecimal(text: str) -> int:
    """A number as packets have it, without sign or prefix. Raises ValueError."""
    if not text or any(c not in "0123456789abcdefABCDEF" for c in text):
        raise ValueError(f"{text!r} is no hexadecimal number")
    return int(text, 16)


def written(hart: int, multiprocess: bool) -> str:
    """The id of a hart."""
    return f"p{PROCESS:x}.{hart + 1:x}" if multiprocess else f"{hart + 1:x}"
