"""Object files on disk: where compiled code is kept, under which name, and that it is whole.

A name is a digest of everything that the code depends on: our sources, versions, and the processor.
"""

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
SOURCES = ("isa", "vm/core", "vm/codegen", "vm/hypervisor")
"""Folders of the files that the engine's code depends on, without their subfolders."""

KEPT = 8
"""Object files of a kind that stay in the cache folder; when one is added, those not used for longest are removed."""


def cache_directory() -> Path:
    """Where compiled code is kept: $TRAPLINE_CACHE_DIR, else `trapline` in the user's cache folder.

    Falls back to a temporary folder of its own when that cannot be written.
    """
    chosen = os.environ.get("TRAPLINE_CACHE_DIR")
    try:
        base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trapline"
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except (OSError, RuntimeError):
        pass  # RuntimeError: a user without a home folder
    return _temporary_directory()


@cache
def _temporary_directory() -> Path:
    folder = tempfile.mkdtemp(prefix="trapline-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def source_files(*more: str) -> list[Path]:
    """The files in SOURCES, and in more folders."""
    return [path for folder in (*SOURCES, *more) for path in sorted((PACKAGE / folder).glob("*.py"))]


@cache
def source_key(*more: str) -> str:
    """A name for what is compiled from the files in SOURCES and in more folders, whatever plugins are loaded."""
    import llvmlite.binding as llvm

    total = hashlib.sha256()
    for path in source_files(*more):
        total.update(path.read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    for part in (sys.version, version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), features):
        total.update(part.encode() + b"\0")
    return total.hexdigest()[:20]


def sealed(data: bytes, symbols: list[str]) -> bytes:
    """The content of an object file in the cache: a digest, the symbols of the entries, the objects."""
    header = "\n".join(symbols).encode() + b"\n\n"
    return hashlib.sha256(header + data).digest() + header + data


def unsealed(body: bytes) -> tuple[bytes, list[str]] | None:
    """What `sealed` was given, None when the content is damaged."""
    if hashlib.sha256(body[32:]).digest() != body[:32]:
        return None
    header, _, data = body[32:].partition(b"\n\n")
    return data, header.decode().split("\n")


def pack(objects: list[bytes]) -> bytes:
    """Objects in one piece."""
    return b"".join(len(o).to_bytes(8, "little") + o for o in objects)


def unpack(data: bytes) -> list[bytes]:
    """The objects of `pack`."""
    objects = []
    while data:
        size = int.from_bytes(data[:8], "little")
        objects.append(data[8 : 8 + size])
        data = data[8 + size :]
    return objects


def store(kind: str, key: str, data: bytes, symbols: list[str]) -> None:
    """Keep the objects; where that is not possible they are compiled again the next time."""
    folder = cache_directory()
    partial = folder / f"{kind}-{key}.{os.getpid()}.tmp"
    try:
        partial.write_bytes(sealed(data, symbols))
        partial.replace(folder / f"{kind}-{key}.o")
        kept = sorted(folder.glob(f"{kind}-*.o"), key=lambda p: p.stat().st_atime_ns, reverse=True)
        for old in kept[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        partial.unlink(missing_ok=True)


def read(kind: str, key: str) -> tuple[bytes, list[str]] | None:
    """The kept object, None when there is none or it is damaged."""
    path = cache_directory() / f"{kind}-{key}.o"
    try:
        body = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):
        # Many file systems note accesses rarely or never; then a plugin that is edited often would push the plain
        # engine out.
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    return unsealed(body)
