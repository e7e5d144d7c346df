"""Files that are written whole: under a name of their own, which becomes FILE's when all is there.

A run that fails, or is killed, leaves FILE as it was. What cannot be renamed, such as a pipe or a terminal, is
written directly.
"""

import errno
import io
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

Identity = tuple[int, int] | str
"""What two names of one file have in common: device and inode, or the path of a file that does not exist yet."""

PARTIAL = ".partial"
"""What the name ends with while the file is not whole."""

_READABLE_AND_WRITABLE, _EXECUTABLE, _PERMISSIONS = 0o666, 0o111, 0o7777
_MOST_OF_A_NAME = 200
"""Bytes of a file's name that its temporary name repeats; most file systems allow 255."""
_DESCRIPTOR = re.compile(r"(?:/dev/fd|/proc/self/fd)/(\d+)").fullmatch
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NO_RENAME = (errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS)
"""Why a file may be writable and yet not be replaced: it is mounted by itself, or its folder is read-only."""


class NamedFile(io.FileIO):
    """A file whose errors name it. shown: the name for people."""

    def __init__(self, file: Any, mode: str, shown: str, **options: Any) -> None:
        super().__init__(file, mode, **options)
        self.shown = shown

    def write(self, data: Any) -> Any:
        """Write bytes. Raises OSError."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self.shown
            raise


def descriptor_of(path: str) -> int | None:
    """The file descriptor that a path such as `/dev/stdout` or `/dev/fd/3` means."""
    match = _DESCRIPTOR(path)
    return int(match[1]) if match else _STANDARD.get(path)


def identity(path: str | int) -> Identity | None:
    """What names of the same file have in common; None for what is no regular file or disk.

    path: or a descriptor. A link stands for what it leads to.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None if isinstance(path, int) else os.path.realpath(path)
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISBLK(found.st_mode):
        return None
    return found.st_dev, found.st_ino


def is_replaced(path: str) -> bool:
    """Whether a path names a regular file, or nothing yet. Raises OSError for a folder."""
    if descriptor_of(path) is not None:
        return False
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if path.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path) from None
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return stat.S_ISREG(mode)


def open_directly(path: str) -> io.FileIO:
    """Open what is written as it comes: a device, a pipe, a log that others follow. Raises OSError."""
    number = descriptor_of(path)
    if number is not None:
        return NamedFile(os.dup(number), "wb", path)
    return NamedFile(path, "wb", path)


class OutputFile:
    """A file that is written whole. `stream` takes the bytes; `commit` gives it its name, `discard` forgets it.

    A link stays a link, and a file keeps its permissions. executable: add the permission to execute it.
    Raises OSError, before anything is changed, for a file that cannot be written.
    """

    def __init__(self, path: str, executable: bool = False) -> None:
        self.path = path
        self._executable = executable
        self._temporary: str | None = None
        self._target: str | None = None
        if not is_replaced(path):
            self.stream: BinaryIO = io.BufferedWriter(open_directly(path))
            return
        self._target = os.path.realpath(path)
        exists = os.path.exists(self._target)
        if exists and not os.access(self._target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        try:
            self.stream = io.BufferedWriter(self._open_beside(self._target))
        except OSError as error:
            if not exists or error.errno not in _NO_RENAME:
                error.filename = path
                raise
            self.stream = tempfile.TemporaryFile()  # type: ignore[assignment]

    def _open_beside(self, target: str) -> io.FileIO:
        """A new file in the folder of the target."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        mode = _READABLE_AND_WRITABLE | (_EXECUTABLE if self._executable else 0)
        for name in _temporary_names(target):
            try:
                number = os.open(name, flags, mode)
            except FileExistsError:
                continue
            self._temporary = name
            return NamedFile(number, "wb", self.path)
        raise AssertionError("there is always another name")

    def commit(self) -> None:
        """Give the file its name. Raises OSError, and then the file is as it was."""
        target, temporary = self._target, self._temporary
        try:
            if target is not None and temporary is None:
                self.stream.seek(0)
                self._write_in_place(self.stream, target)
                return
            self.stream.close()
            if target is not None and temporary is not None:
                _copy_permissions(target, temporary, self._executable)
                self._replace(temporary, target)
                self._temporary = None
        except OSError as error:
            error.filename, error.filename2 = self.path, None
            raise
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget what was written."""
        try:
            self.stream.close()
        except OSError:
            pass  # a full disk: what is left in the buffer is not wanted
        if self._temporary is not None:
            temporary, self._temporary = self._temporary, None
            try:
                os.unlink(temporary)
            except OSError:
                pass

    def _replace(self, temporary: str, target: str) -> None:
        try:
            os.replace(temporary, target)
        except OSError as error:
            if error.errno not in _NO_RENAME or not os.path.exists(target):
                raise
            with open(temporary, "rb") as whole:
                self._write_in_place(whole, target)
            os.unlink(temporary)

    def _write_in_place(self, whole: BinaryIO, target: str) -> None:
        """Overwrite a file that cannot be replaced."""
        with open(target, "wb") as file:
            shutil.copyfileobj(whole, file)
        if self._executable:
            os.chmod(target, os.stat(target).st_mode & _PERMISSIONS | _EXECUTABLE)


def _temporary_names(target: str) -> Iterator[str]:
    folder, name = os.path.split(target)
    short = os.fsdecode(os.fsencode(name)[:_MOST_OF_A_NAME])
    for number in count():
        yield os.path.join(folder, f"{short}.{os.getpid()}{f'-{number}' if number else ''}{PARTIAL}")


def _copy_permissions(target: str, temporary: str, executable: bool) -> None:
    """Give the new file the owner and permissions of the one that it replaces, as far as this user may."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return
    if hasattr(os, "geteuid") and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.chown(temporary, old.st_uid, old.st_gid)
        except OSError:
            pass  # only root gives files away
    os.chmod(temporary, old.st_mode & _PERMISSIONS | (_EXECUTABLE if executable else 0))
