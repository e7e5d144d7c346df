"""Object files on disk: under which name compiled code is kept, and that it is whole.

A name is a digest of everything that the code depends on: our sources, versions, and the processor.
"""

import hashlib
import os
import platform
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from trapline.vm.codegen.cache_folders import PACKAGE, folder_to_write, read_trusted, search_path, write_trusted

SOURCES = ("isa", "vm/core", "vm/codegen", "vm/hypervisor", "vm/translator")
"""Folders of the files that the engine's code depends on, without their subfolders."""

KEPT = 8
"""Object files of a kind that stay in the cache folder; when one is added, those not used for longest are removed."""


def source_files(*more: str) -> list[Path]:
    """The files in SOURCES, and in more folders."""
    return [path for folder in (*SOURCES, *more) for path in sorted((PACKAGE / folder).glob("*.py"))]


def version_of(package: str) -> str:
    """The version of an installed package, which has a plain name such as `numba`.

    It is part of the name of the folder that pip has written beside it. `importlib.metadata` knows more places, and
    takes as long to import as the rest of what this module does.
    """
    for folder in sys.path:
        found = [name for name in _files(folder or ".") if name.startswith(f"{package}-") and name.endswith(_OF_PIP)]
        if len(found) == 1:
            return found[0].removesuffix(_OF_PIP).removeprefix(f"{package}-")
        if found:
            break  # what a broken update has left
    from importlib.metadata import version

    return version(package)


_OF_PIP = ".dist-info"


def _files(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


@cache
def source_key(*more: str) -> str:
    """A name for what is compiled from the files in SOURCES and in more folders, whatever plugins are loaded."""
    total = hashlib.sha256()
    for path in source_files(*more):
        total.update(path.read_bytes())
    for part in (sys.version, platform.machine(), version_of("numba"), version_of("llvmlite")):
        total.update(part.encode() + b"\0")
    return total.hexdigest()[:20]


@cache
def processor(portable: bool = False) -> str:
    """What code is compiled for: this computer's processor, or any of its architecture."""
    if portable:
        return "any"
    told = told_processor(CPUINFO)
    if told is not None:
        return told
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()}\0{llvm.get_host_cpu_features().flatten()}"


CPUINFO = Path("/proc/cpuinfo")
_TOLD = ("vendor_id", "cpu family", "model", "stepping", "flags")
_ENOUGH = 1 << 14
"""Bytes of CPUINFO that are read: what is told of one processor, of which there may be hundreds, has some 2,000."""


def told_processor(path: Path) -> str | None:
    """What Linux tells of a processor of x86: its model and all that it can do; None elsewhere.

    LLVM knows no more of it, and takes as long to import as a short program runs.
    """
    try:
        with path.open("rb", buffering=0) as file:
            text, rest, _ = file.read(_ENOUGH).decode(errors="replace").partition("\n\n")
    except OSError:
        return None
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    told = [fields.get(name, "") for name in _TOLD]
    return "\0".join(told) if rest and all(told) else None


def file_name(kind: str, key: str, portable: bool = False) -> str:
    """The name of an object file."""
    digest = hashlib.sha256(f"{key}\0{processor(portable)}".encode()).hexdigest()[:20]
    return f"{kind}-{digest}.o"


def sealed(data: bytes, symbols: list[str], name: str = "") -> bytes:
    """The content of the object file of this name: a digest, the symbols of the entries, the objects.

    The digest is also of the name: an object that was made for another version, processor or plugin does not count.
    """
    content = "\n".join(symbols).encode() + b"\n\n" + data
    return hashlib.sha256(name.encode() + b"\0" + content).digest() + content


def unsealed(body: bytes, name: str = "") -> tuple[bytes, list[str]] | None:
    """What `sealed` was given, None when the content is damaged or of another name."""
    if hashlib.sha256(name.encode() + b"\0" + body[32:]).digest() != body[:32]:
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


def store(kind: str, key: str, data: bytes, symbols: list[str], portable: bool = False) -> Path | None:
    """Keep the objects; the file. None where that is not possible: they are compiled again the next time."""
    name = file_name(kind, key, portable)
    try:
        folder = folder_to_write()
        write_trusted(folder / name, sealed(data, symbols, name))
        kept = sorted(folder.glob(f"{kind}-*.o"), key=lambda p: p.stat().st_atime_ns, reverse=True)
        for old in kept[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return folder / name


ANY_KIND = (False, True)
"""For this processor, then for every one."""
PORTABLE = (True,)


def find(kind: str, key: str, kinds: tuple[bool, ...] = ANY_KIND) -> tuple[Path, tuple[bytes, list[str]]] | None:
    """The file and content of a kept object; None when there is none, it is damaged, or others may have written it.

    kinds: whether portable ones are looked for; this processor's come first.
    """
    for portable in kinds:
        name = file_name(kind, key, portable)
        for folder in search_path():
            try:
                found = unsealed(read_trusted(folder / name), name)
            except OSError:
                continue
            if found is not None:
                return folder / name, found
    return None


def read(kind: str, key: str, kinds: tuple[bool, ...] = ANY_KIND) -> tuple[bytes, list[str]] | None:
    """The kept object, None when there is none that can be used. kinds: as for `find`."""
    found = find(kind, key, kinds)
    if found is None:
        return None
    path, content = found
    with suppress(OSError):
        # Many file systems note accesses rarely or never; then a plugin that is edited often would push the plain
        # engine out.
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    return content
