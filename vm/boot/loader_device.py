"""`--device loader`, QEMU's generic loader: puts a file or a number into RAM, or starts a hart elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trapline.isa.word import MASK, WORD
from trapline.vm.boot.drives import parse
from trapline.vm.loader.files import detect, load_elf, load_raw
from trapline.vm.loader.image import LoadError, Segment
from trapline.vm.machine import RAM_BASE, Machine

DRIVER = "loader"
KEYS = ("file", "addr", "data", "data-len", "data-be", "cpu-num", "force-raw")
FLAGS = {"on": True, "off": False}
DATA_MAX = 8
"""Bytes of `data` at most."""


@dataclass(frozen=True)
class Load:
    """What one option loads. pieces: (address, bytes); hart: its number and where it starts, or None."""

    pieces: Sequence[tuple[int, bytes]]
    hart: tuple[int, int] | None


def is_loader(device: str) -> bool:
    """Whether the text of a `--device` names the loader."""
    return device.split(",", 1)[0] in (DRIVER, f"driver={DRIVER}")


def read_load(text: str) -> Load:
    """Read one option. Raises ValueError for a bad one, and LoadError for its file."""
    values = parse("--device", text, ("driver", *KEYS), "driver")
    number = {key: _number(text, key, values[key]) for key in ("addr", "data", "data-len", "cpu-num") if key in values}
    address = number.get("addr")
    if "file" in values:
        if "data" in values:
            raise ValueError(f"--device {text}: give file or data, not both")
        pieces, entry = _file(text, values["file"], address, _flag(text, values, "force-raw"))
    elif "data" in values:
        if address is None or not 1 <= number.get("data-len", 0) <= DATA_MAX:
            raise ValueError(f"--device {text}: data needs addr and a data-len of 1 to {DATA_MAX} bytes")
        order: Literal["big", "little"] = "big" if _flag(text, values, "data-be") else "little"
        length = number["data-len"]
        pieces, entry = [(address, (number["data"] & ((1 << 8 * length) - 1)).to_bytes(length, order))], None
    elif address is not None and "cpu-num" in values:
        pieces, entry = [], address
    else:
        raise ValueError(f"--device {text}: write loader,file=PATH[,addr=N], or addr and data, or addr and cpu-num")
    hart = None
    if "cpu-num" in values and entry is not None:
        hart = number["cpu-num"], entry
    return Load(pieces, hart)


def apply(machine: Machine, text: str, load: Load) -> None:
    """Write what was read into RAM. Raises ValueError where RAM or the hart does not exist."""
    for address, data in load.pieces:
        end = machine.ram_base + machine.engine.m.ram_size
        if address < machine.ram_base or address + len(data) > end:
            raise ValueError(
                f"--device {text}: {len(data)} bytes at {address:#x} are not within RAM, "
                f"{machine.ram_base:#x} to {end - 1:#x}"
            )
        machine.write(address, data)
    if load.hart is not None:
        number, entry = load.hart
        if number >= len(machine.harts):
            raise ValueError(f"--device {text}: there is no hart {number}; there are {len(machine.harts)}")
        machine.harts[number].pc = entry


def check_apart(text: str, load: Load, placed: Sequence[tuple[str, int, int]]) -> None:
    """Raise LoadError if something lies there already. placed: (description, start, end)."""
    for address, data in load.pieces:
        for what, start, end in placed:
            if address < end and start < address + len(data):
                raise LoadError(
                    f"--device {text}: {address:#010x} to {address + len(data) - 1:#010x} overlaps {what} at "
                    f"{start:#010x} to {end - 1:#010x}"
                )


def _file(text: str, name: str, address: int | None, raw: bool) -> tuple[list[tuple[int, bytes]], int]:
    """The pieces of a file and its entry: an ELF file goes where it is linked, another to `address`."""
    path = Path(name)
    if not raw and detect(path) == "elf":
        image = load_elf(path, base=RAM_BASE if address is None else address)
        return [(s.paddr, _whole(s)) for s in image.segments], image.physical_entry
    if address is None:
        raise ValueError(f"--device {text}: {name} has no address of its own: add addr=N")
    (segment,) = load_raw(path, address & ~(WORD - 1) & MASK).segments
    return [(address, segment.data)], address


def _whole(segment: Segment) -> bytes:
    return segment.data.ljust(segment.memsz, b"\0")


def _number(text: str, key: str, value: str) -> int:
    try:
        number = int(value, 0)
    except ValueError:
        number = -1
    limit = 1 << 64 if key == "data" else 1 << 32
    if not 0 <= number < limit:
        raise ValueError(f"--device {text}: {key}={value} is not a number from 0 to {limit - 1:#x}")
    return number


def _flag(text: str, values: dict[str, str], name: str) -> bool:
    value = values.get(name, "off")
    if value not in FLAGS:
        raise ValueError(f"--device {text}: {name}={value} must be on or off")
    return FLAGS[value]
