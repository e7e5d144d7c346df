"""System calls on files: only the three standard streams exist, and every path is missing."""

import struct

from trapline.vm.loader.image import WRITE
from trapline.vm.process.caller import Caller, Requester
from trapline.vm.process.errno import (
    EBADF,
    EFAULT,
    EINVAL,
    EMFILE,
    ENOENT,
    ENOTDIR,
    ENOTTY,
    EPIPE,
    ERANGE,
    ESPIPE,
    SIGPIPE,
    SystemCallError,
)
from trapline.vm.process.stack import USER_ID
from trapline.vm.process.streams import CUT_SHORT, Input, Output
from trapline.vm.process.system_calls import constant, signed, system_call

MAX_COUNT = 0x7FFFF000
"""Maximum bytes of one read or write, as in Linux."""

MAX_VECTORS = 1024
MAX_FILES = 1024
_CHARACTER_DEVICE = 0o020620
MAX_TRANSFER = 0x7FFFFFFF
"""Maximum bytes of one element of an iovec array."""
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
"""Commands of fcntl."""
O_RDONLY, O_WRONLY = 0, 1
AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_ROOT = b"/\0"
"""The working directory."""


def stream_of(process: Requester, fd: int) -> Input | Output:
    """The stream behind a descriptor. Raises EBADF."""
    stream = process.files.get(fd)
    if stream is None:
        raise SystemCallError(EBADF)
    return stream


def put(process: Requester, stream: Input | Output, data: memoryview) -> int:
    """Write to a stream; if its reader is gone, the guest gets SIGPIPE."""
    try:
        return stream.write(data, process.deadline)
    except SystemCallError as error:
        if error.number == EPIPE:
            process.signal(SIGPIPE)
        raise


@system_call("read", 63)
def read(process: Caller, fd: int, buffer: int, count: int) -> int:
    stream = stream_of(process, fd)
    size = process.space.prefix(buffer, min(count, MAX_COUNT), WRITE)
    if size == 0 and count:
        if isinstance(stream, Input):
            raise SystemCallError(EFAULT)
        raise SystemCallError(EBADF)
    data = stream.read(size, process.deadline) if size else b""
    process.space.write(buffer, data)
    return len(data)


@system_call("write", 64)
def write(process: Caller, fd: int, buffer: int, count: int) -> int:
    stream = stream_of(process, fd)
    data = process.space.readable(buffer, min(count, MAX_COUNT))
    if count and not data and not isinstance(stream, Input):
        raise SystemCallError(EFAULT)
    return put(process, stream, data)


def _vectors(process: Caller, address: int, count: int) -> list[tuple[int, int]]:
    """The (address, size) pairs of an iovec array. Raises EINVAL for too many or too much, EFAULT."""
    if count > MAX_VECTORS:
        raise SystemCallError(EINVAL)
    vectors = list(struct.iter_unpack("<II", process.space.read(address, 8 * count)))
    if any(size > MAX_TRANSFER for _, size in vectors):
        raise SystemCallError(EINVAL)
    return [(base, size) for base, size in vectors if size]


@system_call("readv", 65)
def readv(process: Caller, fd: int, vector: int, count: int) -> int:
    stream = stream_of(process, fd)
    total = 0
    for base, size in _vectors(process, vector, count):
        room = process.space.prefix(base, min(size, MAX_COUNT), WRITE)
        if room == 0:
            if total:
                break
            raise SystemCallError(EFAULT)
        try:
            data = stream.read(room, process.deadline)
        except CUT_SHORT:
            if not total:
                raise
            break  # as a signal ends it on Linux: what was read counts
        process.space.write(base, data)
        total += len(data)
        if len(data) < size:
            break
    return total


@system_call("writev", 66)
def writev(process: Caller, fd: int, vector: int, count: int) -> int:
    stream = stream_of(process, fd)
    total = writes = 0
    for base, size in _vectors(process, vector, count):
        data = process.space.readable(base, min(size, MAX_COUNT - total))
        if not data:
            if total:
                break
            raise SystemCallError(EFAULT)
        try:
            done = put(process, stream, data)
        except CUT_SHORT:
            if isinstance(stream, Output):
                stream.take_back(total, total, writes)
            raise
        total, writes = total + done, writes + 1
        if done < size:
            break
    return total


@system_call("close", 57)
def close(process: Caller, fd: int) -> int:
    stream_of(process, fd)
    del process.files[fd]
    return 0


def _duplicate(process: Caller, fd: int, lowest: int) -> int:
    stream = stream_of(process, fd)
    for free in range(lowest, MAX_FILES):
        if free not in process.files:
            process.files[free] = stream
            return free
    raise SystemCallError(EMFILE)


@system_call("dup", 23)
def dup(process: Caller, fd: int) -> int:
    return _duplicate(process, fd, 0)


@system_call("dup3", 24)
def dup3(process: Caller, fd: int, new: int, flags: int) -> int:
    if fd == new or flags & ~0o2000000:
        raise SystemCallError(EINVAL)
    if new >= MAX_FILES:
        raise SystemCallError(EBADF)
    process.files[new] = stream_of(process, fd)
    return new


@system_call("fcntl", 25)
def fcntl(process: Caller, fd: int, command: int, argument: int) -> int:
    stream = stream_of(process, fd)
    if command in (F_DUPFD, F_DUPFD_CLOEXEC):
        if argument >= MAX_FILES:
            raise SystemCallError(EINVAL)
        return _duplicate(process, fd, argument)
    if command in (F_GETFD, F_SETFD, F_SETFL):
        return 0
    if command == F_GETFL:
        return O_RDONLY if isinstance(stream, Input) else O_WRONLY
    raise SystemCallError(EINVAL)


@system_call("ioctl", 29)
def ioctl(process: Caller, fd: int) -> int:
    stream_of(process, fd)
    raise SystemCallError(ENOTTY)  # a guest never sees a terminal, so that it prints the same everywhere


@system_call("lseek", 62)
def lseek(process: Caller, fd: int) -> int:
    stream_of(process, fd)
    raise SystemCallError(ESPIPE)


def _status(fd: int) -> bytes:
    """newlib's `struct kernel_stat` (128 bytes, times of 16): a character device, owned by the user."""
    return struct.pack("<QQIIIIQQqiiq", 1, fd + 1, _CHARACTER_DEVICE, 1, USER_ID, USER_ID, 0, 0, 0, 1024, 0, 0) + bytes(
        56
    )


@system_call("fstat", 80)
def fstat(process: Caller, fd: int, status: int) -> int:
    stream_of(process, fd)
    process.space.write(status, _status(fd))
    return 0


def _descriptor_of(process: Caller, fd: int, path: int, flags: int) -> int:
    """The descriptor that a path relative to it names: itself for an empty path; no other path exists."""
    name = process.space.string(path) if path else b""
    if name:
        if not name.startswith(b"/") and signed(fd) != AT_FDCWD:
            stream_of(process, fd)
            raise SystemCallError(ENOTDIR)
        raise SystemCallError(ENOENT)
    if not flags & _AT_EMPTY_PATH:
        raise SystemCallError(ENOENT if path else EFAULT)
    stream_of(process, fd)
    return fd


@system_call("newfstatat", 79)
def newfstatat(process: Caller, fd: int, path: int, status: int, flags: int) -> int:
    process.space.write(status, _status(_descriptor_of(process, fd, path, flags)))
    return 0


@system_call("statx", 291)
def statx(process: Caller, fd: int, path: int, flags: int, mask: int, status: int) -> int:
    fd = _descriptor_of(process, fd, path, flags)
    basic = struct.pack("<IIQIIIHHQQQQ", 0x7FF, 1024, 0, 1, USER_ID, USER_ID, _CHARACTER_DEVICE, 0, fd + 1, 0, 0, 0)
    process.space.write(status, basic + bytes(256 - len(basic)))
    return 0


def _no_such_file(process: Caller, path: int) -> int:
    process.space.string(path)
    raise SystemCallError(ENOENT)


@system_call("openat", 56)
def openat(process: Caller, fd: int, path: int) -> int:
    return _no_such_file(process, path)


@system_call("faccessat", 48, 439)
def faccessat(process: Caller, fd: int, path: int) -> int:
    return _no_such_file(process, path)


@system_call("readlinkat", 78)
def readlinkat(process: Caller, fd: int, path: int) -> int:
    return _no_such_file(process, path)


@system_call("unlinkat", 35)
def unlinkat(process: Caller, fd: int, path: int) -> int:
    return _no_such_file(process, path)


@system_call("mkdirat", 34)
def mkdirat(process: Caller, fd: int, path: int) -> int:
    return _no_such_file(process, path)


@system_call("chdir", 49)
def chdir(process: Caller, path: int) -> int:
    return _no_such_file(process, path)


for _number, _name in enumerate(("open", "link", "unlink"), 1024):
    system_call(_name, _number)(_no_such_file)
for _number, _name in ((1030, "mkdir"), (1033, "access"), (1038, "stat"), (1039, "lstat")):
    system_call(_name, _number)(_no_such_file)


@system_call("getcwd", 17)
def getcwd(process: Caller, buffer: int, size: int) -> int:
    if size < len(_ROOT):
        raise SystemCallError(ERANGE if size else EINVAL)
    process.space.write(buffer, _ROOT)
    return len(_ROOT)


constant(0o22, "umask", 166)
