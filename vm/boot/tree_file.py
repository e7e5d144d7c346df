"""A device tree of the user's own: read, and completed with what the command line says about the kernel."""

import struct
from dataclasses import dataclass
from pathlib import Path

from trapline.vm.boot.flat_tree import BEGIN_NODE, END, END_NODE, MAGIC, PROPERTY, Node, flatten
from trapline.vm.loader.files import read_program
from trapline.vm.loader.image import LoadError

_HEADER = struct.Struct(">10I")
_CELL = 4
RESERVATION = 16
"""Bytes of an entry of the memory reservation block; zeros are the last."""
NOP = 4
"""A token between the others that means nothing."""


class _Reader:
    """Reads the structure block of a flattened tree. Raises ValueError for what is not one."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size:
            raise ValueError("is too short for a device tree")
        magic, total, structure, strings, reserved, version, _, _, strings_size, size = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise ValueError("is no flattened device tree; make one with dtc -O dtb")
        if total > len(data) or structure + size > total or strings + strings_size > total or version < 17:
            raise ValueError("is a damaged device tree, or one of a version before 17")
        self._block = data[structure : structure + size]
        self._strings = data[strings : strings + strings_size]
        self._at = 0
        end = data.find(bytes(RESERVATION), reserved, total)
        while end >= 0 and (end - reserved) % RESERVATION:
            end = data.find(bytes(RESERVATION), end + 1, total)
        if end < 0:
            raise ValueError("is a damaged device tree: its memory reservations have no end")
        self.reserved = data[reserved:end]

    def tree(self) -> Node:
        """The root."""
        if self._token() != BEGIN_NODE:
            raise ValueError("is a damaged device tree: it does not begin with a node")
        root = self._node(0)
        if self._token() != END:
            raise ValueError("is a damaged device tree: something follows its root")
        return root

    def _node(self, depth: int) -> Node:
        if depth > 64:
            raise ValueError("is a device tree of more than 64 levels")
        node = Node(self._text(self._block, self._at))
        self._skip(len(node.name.encode()) + 1)
        while (token := self._token()) != END_NODE:
            if token == BEGIN_NODE:
                node.add(self._node(depth + 1))
            elif token == PROPERTY:
                length, name = self._cell(), self._cell()
                if self._at + length > len(self._block):
                    raise ValueError("is a damaged device tree: a property ends outside of it")
                node.properties[self._text(self._strings, name)] = self._block[self._at : self._at + length]
                self._skip(length)
            else:
                raise ValueError(f"is a damaged device tree: it has a token {token}")
        return node

    def _token(self) -> int:
        while (token := self._cell()) == NOP:
            pass
        return token

    def _cell(self) -> int:
        if self._at + _CELL > len(self._block):
            raise ValueError("is a damaged device tree: it has no end")
        self._at += _CELL
        return int.from_bytes(self._block[self._at - _CELL : self._at], "big")

    def _skip(self, length: int) -> None:
        self._at += -(-length // _CELL) * _CELL

    def _text(self, block: bytes, at: int) -> str:
        end = block.find(b"\0", at)
        if end < 0:
            raise ValueError("is a damaged device tree: a name has no end")
        return block[at:end].decode(errors="replace")


@dataclass(frozen=True)
class TreeFile:
    """A tree, and the entries of its memory reservation block."""

    root: Node
    reserved: bytes = b""


def read_tree(path: Path) -> TreeFile:
    """The tree in a file. Raises LoadError."""
    data = read_program(path)
    try:
        reader = _Reader(data)
        return TreeFile(reader.tree(), reader.reserved)
    except ValueError as error:
        raise LoadError(f"--dtb {path}: {error}") from None


def completed(tree: TreeFile, append: str | None, initrd: tuple[int, int] | None) -> bytes:
    """The flattened tree with the kernel's command line and initial RAM disk in /chosen, as QEMU puts them there."""
    chosen = next((child for child in tree.root.children if child.name in ("chosen", "chosen@0")), None)
    if chosen is None:
        chosen = tree.root.add(Node("chosen"))
    if append is not None:
        chosen.set(bootargs=append)
    if initrd is not None:
        chosen.properties["linux,initrd-start"], chosen.properties["linux,initrd-end"] = initrd
    return flatten(tree.root, tree.reserved)
