"""Device trees and their flattened form, version 17 (Devicetree Specification 0.4, chapter 5)."""

import struct
from collections.abc import Sequence
from typing import Any

Value = int | str | bytes | Sequence[int] | Sequence[str] | None
"""The value of a property: cells, strings, bytes, or nothing."""

MAGIC = 0xD00DFEED
VERSION, COMPATIBLE_VERSION = 17, 16
BEGIN_NODE, END_NODE, PROPERTY, END = 1, 2, 3, 9
_HEADER = struct.Struct(">10I")
_RESERVATION = struct.Struct(">QQ")


class Node:
    """A node: its name, and its properties and children in order of insertion."""

    def __init__(self, name: str = "", **properties: Value) -> None:
        self.name = name
        self.properties: dict[str, Value] = {}
        self.children: list[Node] = []
        self.set(**properties)

    def set(self, **properties: Value) -> "Node":
        """Set properties; `_` in a name stands for `-`, a leading `n_` for `#`."""
        for name, value in properties.items():
            plain = "#" + name[2:] if name.startswith("n_") else name
            # The only standard name with an underscore.
            self.properties[plain if plain == "device_type" else plain.replace("_", "-")] = value
        return self

    def add(self, child: "Node") -> "Node":
        """Append a child and return it."""
        self.children.append(child)
        return child


def encode(value: Value) -> bytes:
    """The value of a property in the flattened tree."""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    items: list[Any] = [value] if isinstance(value, int | str) else list(value)
    return b"".join(_string(item) if isinstance(item, str) else _cell(item) for item in items)


def _string(value: str) -> bytes:
    # Bytes from the shell that are not UTF-8 pass through unchanged.
    return value.encode(errors="surrogateescape") + b"\0"


def _cell(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def flatten(root: Node, reserved: bytes = b"") -> bytes:
    """The flattened form of a tree. reserved: entries of the memory reservation block, without the last."""
    strings = bytearray()
    offsets: dict[str, int] = {}

    def name_offset(name: str) -> int:
        if name not in offsets:
            offsets[name] = len(strings)
            strings.extend(name.encode() + b"\0")
        return offsets[name]

    def node(n: Node) -> bytes:
        parts = [struct.pack(">I", BEGIN_NODE), _padded(n.name.encode() + b"\0")]
        for name, value in n.properties.items():
            data = encode(value)
            parts += struct.pack(">3I", PROPERTY, len(data), name_offset(name)), _padded(data)
        parts += map(node, n.children)
        return b"".join([*parts, struct.pack(">I", END_NODE)])

    structure = node(root) + struct.pack(">I", END)
    reservations = reserved + _RESERVATION.pack(0, 0)
    first = _HEADER.size + len(reservations)
    total = first + len(structure) + len(strings)
    header = _HEADER.pack(
        MAGIC, total, first, first + len(structure), _HEADER.size, VERSION, COMPATIBLE_VERSION, 0,
        len(strings), len(structure),
    )  # fmt: skip
    return header + reservations + structure + bytes(strings)
