"""Folders of compiled code: which are searched, which one is written, and whose files are loaded.

Compiled code is loaded into this process, so a file counts only if nobody can have written it but this user, the
superuser, who installed Trapline, and the owner of a folder that $TRAPLINE_CACHE_DIR names.
"""

import atexit
import errno
import os
import shutil
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2]

VARIABLE = "TRAPLINE_CACHE_DIR"
"""The environment variable that names the folders, with `os.pathsep` between them."""

LONGEST = 64 << 20
"""Bytes of the longest file that is read."""

READABLE = 0o644
"""Permissions of a file in a folder: others may load it, and only its owner write it."""
_FOR_OTHERS = 0o022


def of_installation() -> Path:
    """The folder of this installation, for all of its users."""
    return Path(sys.prefix) / "share" / "trapline" / "compiled"


def _of_user() -> list[Path]:
    """The user's own, for a user who has a home."""
    try:
        return [Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trapline"]
    except RuntimeError:
        return []


def _named() -> list[Path]:
    """The folders of $TRAPLINE_CACHE_DIR."""
    return [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def search_path() -> list[Path]:
    """The folders that are read, in order.

    Those of $TRAPLINE_CACHE_DIR, and the user's own where none of them can be written; by default the user's own and
    that of the installation.
    """
    chosen = _named()
    if not chosen:
        return [*_of_user(), of_installation()]
    return chosen if any(map(_can_be_written, chosen)) else [*chosen, *_of_user()]


def folder_to_write() -> Path:
    """The first folder of the search path that can be written, made if needed; else a temporary one."""
    return next((folder for folder in search_path() if _can_be_written(folder)), None) or _temporary_folder()


def folder_of_sources() -> Path:
    """A folder for generated Python that is imported: `folder_to_write`, unless others can write there, too."""
    folder = folder_to_write()
    found = folder.stat()
    safe = not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & _FOR_OTHERS)
    return folder if safe else _temporary_folder()


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


@cache
def _temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="trapline-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def read_trusted(path: Path) -> bytes:
    """The bytes of a file in a folder of the search path.

    Raises OSError when it cannot be read, PermissionError when its owner or permissions make it untrusted.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or not _is_trusted(found, path.parent):
            raise PermissionError(errno.EPERM, "others may have written it", str(path))
        return file.read(LONGEST)


def _is_trusted(file: os.stat_result, folder: Path) -> bool:
    if not hasattr(os, "geteuid"):
        return True  # Windows: the permissions of the folder hold for the file
    trusted = {os.geteuid(), 0, os.stat(__file__).st_uid}
    if folder in _named() and not (found := folder.stat()).st_mode & stat.S_IWOTH:
        trusted.add(found.st_uid)
    return file.st_uid in trusted and not file.st_mode & _FOR_OTHERS


def write_trusted(path: Path, data: bytes) -> None:
    """Write a file, which appears when it is whole. Raises OSError."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(partial, flags, READABLE), "wb") as file:
            file.write(data)
        partial.chmod(READABLE)  # whatever the umask is
        partial.replace(path)
    except OSError:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)
        raise
