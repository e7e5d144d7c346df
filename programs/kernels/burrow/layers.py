"""layers.py - the file system of Burrow: layers of files, and images made of layers.

A layer is bytes: the number of its files, an entry for each, their contents; it is named by its SHA-256.
An image is a list of layers with limits and a command; files.s reads both.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

TEXT, PROGRAM, DELETED = range(3)
"""Kinds of entries; `calls.inc` has them."""
NAME_LENGTH, COMMAND_LENGTH = 24, 128
MOST_LAYERS, MOST_IMAGES, MOST_FILES = 8, 64, 1024
MOST_BYTES = 4 << 20
"""Of a layer."""
ALIGNMENT = 16
HEAD, ENTRY, SEGMENT, RECORD = (struct.Struct(text) for text in ("<I", "<24sIiI", "<5I12x", "<24sI8I32s6II128s"))
PROGRAM_HEADER = struct.Struct("<4I")
MOST_SEGMENTS = 8
USER_BEGIN, HEAP_END = 0x40000000, 0x40400000
"""Where the segments of a program may be."""
PAGE = 4096
V, R, W, X, U, A, D = (1 << bit for bit in (0, 1, 2, 3, 4, 6, 7))
"""Bits of a page table entry."""
CONSTANT = V | U | A | R
FLAGS = {CONSTANT, CONSTANT | X, CONSTANT | W | D, CONSTANT | X | W | D}
"""What the pages of a segment may be."""
DEFAULT_LIMITS = {"pages": 64, "processes": 4, "threads": 8, "regions": 1, "transfers": 4, "share": 10}
OPTIONAL = ("regions", "transfers")
"""Limits that may be 0."""
MOST_SHARE, MOST_LIMIT = 100, 1 << 20
ALL_CALLS = (1 << 32) - 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Image:
    """What a container is made of.

    layers: bytes of each, the bottom one first; limits: by the names of DEFAULT_LIMITS; calls: a bit for each that
    is allowed.
    """

    name: str
    layers: tuple[bytes, ...]
    command: str = ""
    limits: Mapping[str, int] = field(default_factory=lambda: DEFAULT_LIMITS)
    calls: int = ALL_CALLS


def digest(layer: bytes) -> str:
    """The name of a layer: its SHA-256, 64 hexadecimal digits."""
    return sha256(layer).hexdigest()


def pack(contents: Mapping[str, tuple[int, bytes]]) -> bytes:
    """A layer of files, kind and bytes by name. Raises ValueError for a name that is too long."""
    directory, body = HEAD.pack(len(contents)), b""
    start = _aligned(HEAD.size + ENTRY.size * len(contents))
    for name, (kind, data) in contents.items():
        if len(name.encode()) >= NAME_LENGTH:
            raise ValueError(f"the name '{name}' has more than {NAME_LENGTH - 1} bytes")
        directory += ENTRY.pack(name.encode(), kind, start + len(body) - len(directory), len(data))
        body += data.ljust(_aligned(len(data)), b"\0")
    return directory.ljust(start, b"\0") + body


def entries(layer: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(name, kind, contents) of each file of a layer. Raises ValueError where the layer is damaged."""
    if len(layer) < HEAD.size:
        raise ValueError("it is too short")
    (count,) = HEAD.unpack_from(layer)
    end = HEAD.size + ENTRY.size * count
    if count > MOST_FILES or end > len(layer):
        raise ValueError(f"it cannot have {count} files")
    for at in range(HEAD.size, end, ENTRY.size):
        raw, kind, offset, size = ENTRY.unpack_from(layer, at)
        name = raw.partition(b"\0")[0].decode("ascii", "replace")
        if not NAME.fullmatch(name) or raw != name.encode("ascii", "replace").ljust(NAME_LENGTH, b"\0"):
            raise ValueError(f"{name!a} is no name of a file")
        if len(name) >= NAME_LENGTH:
            raise ValueError(f"the name {name!a} has more than {NAME_LENGTH - 1} bytes")
        if kind not in (TEXT, PROGRAM, DELETED):
            raise ValueError(f"{name}: there is no kind {kind} of files")
        if at + offset < end or at + offset + size > len(layer) or (at + offset) % ALIGNMENT:
            raise ValueError(f"{name}: its contents are not in the layer")
        yield name, kind, layer[at + offset : at + offset + size]


def check(layer: bytes) -> None:
    """Raise ValueError for a layer that the kernel cannot trust: it checks nothing itself."""
    if len(layer) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    names = set()
    for name, kind, data in entries(layer):
        if name in names:
            raise ValueError(f"{name} is there twice")
        names.add(name)
        if kind == PROGRAM:
            _check_program(name, data)


def _check_program(name: str, data: bytes) -> None:
    def require(right: bool, what: str) -> None:
        if not right:
            raise ValueError(f"{name}: {what}")

    require(len(data) >= PROGRAM_HEADER.size, "a program without a header")
    entry, library, count, _ = PROGRAM_HEADER.unpack_from(data)
    require(0 < count <= MOST_SEGMENTS, f"a program cannot have {count} segments")
    begin = PROGRAM_HEADER.size + SEGMENT.size * count
    require(begin <= len(data), "its segments are cut off")
    require(USER_BEGIN <= entry < HEAP_END and entry % 4 == 0, f"it cannot begin at {entry:#x}")
    require(library == 0 or USER_BEGIN <= library < HEAP_END, f"it cannot count at {library:#x}")
    free = USER_BEGIN
    for number in range(count):
        address, offset, size, memory, flags = SEGMENT.unpack_from(data, PROGRAM_HEADER.size + SEGMENT.size * number)
        where = f"segment {number}"
        require(not (address | offset | size) % ALIGNMENT, f"{where} is not aligned")
        require(begin <= offset and offset + size <= len(data), f"{where} is not in the file")
        require(0 < memory and size <= memory, f"{where} has no room in memory")
        require(free <= address and address + memory <= HEAP_END, f"{where} cannot be at {address:#x}")
        require(flags in FLAGS, f"{where} cannot have pages of kind {flags:#x}")
        free = (address + memory + PAGE - 1) // PAGE * PAGE


def file_system(images: Sequence[Image]) -> bytes:
    """What image.s includes: records of the images, the host's first, then each layer once.

    Raises ValueError for too many images or layers, and for names that two images have.
    """
    if len(images) > MOST_IMAGES:
        raise ValueError(f"{len(images)} images; at most {MOST_IMAGES} fit")
    names = [image.name for image in images]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two images are named '{twice[0]}'")
    start = _aligned(HEAD.size + RECORD.size * len(images))
    offsets: dict[str, int] = {}
    records, body = HEAD.pack(len(images)), b""
    for image in images:
        if len(image.layers) > MOST_LAYERS:
            raise ValueError(f"image {image.name}: {len(image.layers)} layers; at most {MOST_LAYERS} are possible")
        digests = [digest(layer) for layer in reversed(image.layers)]
        for name, layer in zip(digests, reversed(image.layers), strict=True):
            if name not in offsets:
                offsets[name] = start + len(body)
                body += layer.ljust(_aligned(len(layer)), b"\0")
        unused = [0] * (MOST_LAYERS - len(digests))
        places = [offsets[name] for name in digests] + unused
        limits = [image.limits[name] for name in DEFAULT_LIMITS]
        texts = (image.name.encode(), b"".join(bytes.fromhex(name)[:4] for name in digests), image.command.encode())
        records += RECORD.pack(texts[0], len(digests), *places, texts[1], *limits, image.calls, texts[2])
    return records.ljust(start, b"\0") + body


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
