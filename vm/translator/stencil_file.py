"""Stencils as bytes, which are kept beside the compiled engine, and back: without what makes them."""

import hashlib
from typing import NamedTuple

MAGIC = b"trapline stencils 1\n"


class Stencils(NamedTuple):
    """All stencils. blob: uint8, their code; plan: int64, rows and holes (`vm.translator.layout`)."""

    blob: memoryview
    plan: memoryview


def to_bytes(stencils: Stencils, key: str) -> bytes:
    """A file of them. key: what they depend on (the engine's key, LLVM's version and the processor)."""
    body = len(stencils.plan).to_bytes(8, "little") + stencils.plan.tobytes() + stencils.blob.tobytes()
    return MAGIC + _digest(key, body) + body


def from_bytes(data: bytes, key: str) -> Stencils | None:
    """The stencils of a file; None if it is damaged, or made for another key."""
    start = len(MAGIC) + hashlib.sha256().digest_size
    body = data[start:]
    if data[:start] != MAGIC + _digest(key, body):
        return None
    end = 8 + 8 * int.from_bytes(body[:8], "little")
    return Stencils(memoryview(body)[end:], memoryview(body)[8:end].cast("q"))


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.sha256(f"{key}\0".encode() + body).digest()
