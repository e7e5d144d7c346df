"""The stack of a new process: argc, argv, envp and the auxiliary vector (RISC-V psABI, Linux's execve)."""

import os
import struct
from collections.abc import Mapping, Sequence

from trapline.isa.sv32 import PAGE
from trapline.vm.loader.image import Image, LoadError

HWCAP = 1 << 8 | 1 << 12 | 1 << 0
"""AT_HWCAP: I, M and A, one bit per letter."""

USER_ID = 1000
"""User and group id of every process."""

AT_NULL, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY = 0, 3, 4, 5, 6, 7, 8, 9
AT_UID, AT_EUID, AT_GID, AT_EGID, AT_HWCAP, AT_CLKTCK, AT_SECURE, AT_RANDOM, AT_EXECFN = (
    11,
    12,
    13,
    14,
    16,
    17,
    23,
    25,
    31,
)


def _bytes(text: str | bytes) -> bytes:
    data = os.fsencode(text)
    if b"\0" in data:
        raise LoadError(f"argument or environment string {text!r} contains a NUL")
    return data + b"\0"


def initial_stack(
    image: Image,
    arguments: Sequence[str | bytes],
    environment: Mapping[str, str] | Sequence[str | bytes],
    random: bytes,
    top: int,
    room: int,
) -> tuple[int, bytes]:
    """The stack pointer, a multiple of 16, and the bytes from there up to `top`.

    arguments: begin with the program's name; environment: a mapping or `NAME=value` strings;
    random: the 16 bytes that AT_RANDOM points to.
    Raises LoadError if the stack would need more than `room` bytes.
    """
    if isinstance(environment, Mapping):
        environment = [f"{name}={value}" for name, value in environment.items()]
    execfn = _bytes(arguments[0]) if arguments else b"\0"
    strings = [execfn, random, *map(_bytes, environment), *map(_bytes, arguments)]
    at = top
    blob = b""
    places = []
    for data in strings:
        at -= len(data)
        places.append(at)
    blob = b"".join(reversed(strings))
    environment_places = places[2 : 2 + len(environment)]
    argument_places = places[2 + len(environment) :]
    vector = [
        *((AT_PHDR, image.phdr, AT_PHENT, 32, AT_PHNUM, image.phnum) if image.phdr else ()),
        *(AT_PAGESZ, PAGE, AT_BASE, 0, AT_FLAGS, 0, AT_ENTRY, image.entry),
        *(AT_UID, USER_ID, AT_EUID, USER_ID, AT_GID, USER_ID, AT_EGID, USER_ID),
        *(AT_HWCAP, HWCAP, AT_CLKTCK, 100, AT_SECURE, 0),
        *(AT_RANDOM, places[1], AT_EXECFN, places[0], AT_NULL, 0),
    ]
    words = [len(arguments), *argument_places, 0, *environment_places, 0, *vector]
    sp = (at - 4 * len(words)) & -16
    if top - sp > room:
        raise LoadError(f"arguments and environment need {top - sp} bytes of stack; at most {room} are available")
    head = struct.pack(f"<{len(words)}I", *words)
    return sp, head + bytes(at - sp - len(head)) + blob
