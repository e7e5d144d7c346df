"""How a program fits into a machine's memory."""

from collections.abc import Collection

from trapline.vm.loader.compressed import check_compressed
from trapline.vm.loader.image import Image, LoadError, Segment

MAX_MEMORY = 2 << 30
"""Most RAM that a machine can be given, in bytes."""


def check_fits(image: Image, isa: Collection[str], base: int, size: int) -> None:
    """Raise LoadError unless a machine has the instructions of a program, and RAM for it: `size` bytes at `base`.

    isa: the extensions of the machine.
    """
    check_compressed(image, isa)
    first = min(image.segments, key=lambda segment: segment.paddr)
    lowest = first.paddr
    if first.vaddr <= image.phdr < first.end and base - lowest < len(first.data):
        lowest = max(lowest, base)  # linkers map the file's headers into the page before the first section
    end = max(segment.paddr + segment.memsz for segment in image.segments)
    if lowest < base or lowest >= base + size:
        raise LoadError(f"{image.name}: is linked at {lowest:#010x}, outside RAM: link it at {base:#010x} or above")
    if end > base + size:
        raise LoadError(f"{image.name}: {memory_advice(end - base, size)}")


def headers_below(image: Image, segment: Segment, base: int) -> int:
    """Bytes of a segment to leave out below RAM at `base`: linkers put the file's headers in front of a program."""
    below = base - segment.paddr
    headers = 52 + 32 * image.phnum
    if 0 < below <= len(segment.data) and segment.vaddr <= image.phdr < segment.end:
        return below if not any(segment.data[headers:below]) else 0
    return 0


def memory_advice(needed: int, given: int) -> str:
    """The message for a program that needs more bytes of memory than it was given."""
    mebibytes = -(-needed // (1 << 20))
    has = f"{given >> 20} MiB" if given % (1 << 20) == 0 else f"{given >> 10} KiB"
    text = f"needs {mebibytes} MiB of memory and has {has}"
    if needed > MAX_MEMORY:
        return f"{text}; a machine has at most {MAX_MEMORY >> 20} MiB"
    return f"{text}; use --memory {mebibytes}M or more"
