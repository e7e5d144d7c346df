"""Semihosting: requests of a bare-metal C library to a debugger, by a marked `ebreak`.

Sources: "Semihosting for AArch32 and AArch64" (operations), RISC-V Semihosting (the three-instruction sequence).
picolibc programs linked with `--oslib=semihost` print, read and exit this way.
"""

import io
from collections.abc import Callable, Generator, Iterator

from trapline.isa.hart import A0, A1
from trapline.isa.word import WORD
from trapline.vm.loader.image import READ, WRITE
from trapline.vm.process.caller import Requester
from trapline.vm.process.errno import ENOENT, ENOSYS, ESPIPE, SystemCallError
from trapline.vm.process.files import MAX_COUNT, put, stream_of
from trapline.vm.process.streams import MAX_READ, Input

_BEFORE = (0x01F01013).to_bytes(4, "little")  # slli x0, x0, 0x1f
_AFTER = (0x40705013).to_bytes(4, "little")  # srai x0, x0, 7
_EXITED = 0x20026  # ADP_Stopped_ApplicationExit
_FAILED = 0xFFFFFFFF
_FEATURES = b"SHFB\x03"  # exit_extended exists, and `:tt` opened for append is stderr
_FEATURES_FD = 100
_STREAMS = 3
PIECE = 1 << 16
"""Bytes that are written between two looks at the limits of the run."""
_OPEN_MODES = 4
"""Modes of opening `:tt` that stand for the same stream."""


def is_call(process: Requester) -> bool:
    """Whether the `ebreak` at pc is between the two marker instructions."""
    pc = process.machine.current.pc
    space = process.space
    if space.prefix(pc - WORD, 3 * WORD, READ) < 3 * WORD:
        return False
    return space.read(pc - WORD, WORD) == _BEFORE and space.read(pc + WORD, WORD) == _AFTER


def serve(process: Requester) -> None:
    """Serve the operation in a0 with its argument in a1; a0 gets the result, -1 on failure."""
    operation = process.machine.current.x[A0]
    name, function = _OPERATIONS.get(operation, (f"operation {operation:#x}", _unknown))
    process.count(f"semihosting {name}")
    process.machine.begin(_serving(process, function))


def _serving(process: Requester, function: "Operation") -> Iterator[None]:
    """Yields where it may pause; at its end the request has been served."""
    machine, hart = process.machine, process.machine.current
    try:
        served = function(process, hart.x[A1])
        result = served if isinstance(served, int) else (yield from served)
    except SystemCallError as error:
        process.semihosting_errno = error.number
        result = _FAILED
    hart.x[A0] = result & 0xFFFFFFFF
    machine.retire_trap(hart.pc + 4)


def _unknown(process: Requester, _argument: int) -> int:
    raise SystemCallError(ENOSYS)


def _fields(process: Requester, block: int, count: int) -> list[int]:
    return [process.space.word((block + 4 * i) & 0xFFFFFFFF) for i in range(count)]


def _open(process: Requester, block: int) -> int:
    """The terminal `:tt`, by mode: stdin (below 4), stdout (below 8) or stderr (below 12).

    The only other file is the list of features.
    """
    name, mode, size = _fields(process, block, 3)
    if process.space.read(name, min(size, 256)) == b":semihosting-features":
        process.files[_FEATURES_FD] = Input(io.BytesIO(_FEATURES))
        return _FEATURES_FD + 1
    if process.space.read(name, min(size, 256)) != b":tt" or mode >= _OPEN_MODES * _STREAMS:
        raise SystemCallError(ENOENT)
    fd = mode // _OPEN_MODES
    stream_of(process, fd)
    return fd + 1  # handles are nonzero


def _close(process: Requester, block: int) -> int:
    stream_of(process, _fields(process, block, 1)[0] - 1)
    return 0


def _write_character(process: Requester, address: int) -> int:
    put(process, stream_of(process, 1), process.space.view(address, 1))
    return 0


def _write_string(process: Requester, address: int) -> Generator[None, None, int]:
    while data := process.space.string(address, PIECE):
        put(process, stream_of(process, 1), memoryview(data))
        address += len(data)
        if process.space.read(address, 1) == b"\0":
            break
        yield
    return 0


def _write(process: Requester, block: int) -> Generator[None, None, int]:
    """The number of bytes that were not written. All of them must be readable before the first is written."""
    handle, buffer, count = _fields(process, block, 3)
    stream = stream_of(process, handle - 1)
    size = min(count, MAX_COUNT)
    pieces = [(buffer + at, min(PIECE, size - at)) for at in range(0, max(size, 1), PIECE)]
    for piece in pieces[1:]:
        process.space.check(*piece, READ)
        yield
    done = 0
    for piece in pieces:
        if done:
            yield
        written = put(process, stream, process.space.view(*piece))
        done += written
        if written < piece[1]:
            break
    return count - done


def _read(process: Requester, block: int) -> int:
    handle, buffer, count = _fields(process, block, 3)
    stream = stream_of(process, handle - 1)
    size = min(count, MAX_READ)
    process.space.check(buffer, size, WRITE)
    data = stream.read(size, process.deadline) if count else b""
    process.space.write(buffer, data)
    return count - len(data)


def _read_character(process: Requester, _argument: int) -> int:
    data = stream_of(process, 0).read(1, process.deadline)
    return data[0] if data else _FAILED


def _is_error(process: Requester, block: int) -> int:
    return 1 if _fields(process, block, 1)[0] & 0x80000000 else 0


def _is_terminal(process: Requester, block: int) -> int:
    stream_of(process, _fields(process, block, 1)[0] - 1)
    return 1


def _seek(process: Requester, block: int) -> int:
    handle, position = _fields(process, block, 2)
    if handle != _FEATURES_FD + 1 or position > len(_FEATURES):
        raise SystemCallError(ESPIPE)
    process.files[_FEATURES_FD] = Input(io.BytesIO(_FEATURES[position:]))
    return 0


def _length(process: Requester, block: int) -> int:
    if _fields(process, block, 1)[0] != _FEATURES_FD + 1:
        raise SystemCallError(ESPIPE)
    return len(_FEATURES)


def _centiseconds(process: Requester, _argument: int) -> int:
    return process.nanoseconds // 10_000_000


def _seconds(process: Requester, _argument: int) -> int:
    return process.nanoseconds // 1_000_000_000


def _elapsed(process: Requester, block: int) -> int:
    process.space.write(block, (process.nanoseconds // 100 & (1 << 64) - 1).to_bytes(8, "little"))
    return 0


def _tick_frequency(process: Requester, _argument: int) -> int:
    return 10_000_000


def _errno(process: Requester, _argument: int) -> int:
    return process.semihosting_errno


def _command_line(process: Requester, block: int) -> int:
    buffer, size = _fields(process, block, 2)
    words = [word if isinstance(word, bytes) else word.encode() for word in process.argv]
    line = b" ".join(words)
    if len(line) + 1 > size:
        raise SystemCallError(ENOENT)
    process.space.write(buffer, line + b"\0")
    process.space.write(block + 4, len(line).to_bytes(4, "little"))
    return 0


def _heap_info(process: Requester, block: int) -> int:
    """Heap base and limit, stack base and limit, from brk and the stack."""
    layout = process.space.layout
    place = process.space.word(block)
    words = (process.space.brk_start, layout.arena_top, layout.stack_top, layout.stack_bottom)
    process.space.write(place, b"".join(word.to_bytes(4, "little") for word in words))
    return 0


def _exit(process: Requester, reason: int) -> int:
    process.exit(0 if reason == _EXITED else 1)
    return 0


def _exit_extended(process: Requester, block: int) -> int:
    reason, status = _fields(process, block, 2)
    process.exit(status & 0xFF if reason == _EXITED else 1)
    return 0


Operation = Callable[[Requester, int], int | Generator[None, None, int]]
"""Serves an operation with its argument: the result, or a generator of it that yields where it may pause."""

_OPERATIONS: dict[int, tuple[str, Operation]] = {
    0x01: ("open", _open),
    0x02: ("close", _close),
    0x03: ("writec", _write_character),
    0x04: ("write0", _write_string),
    0x05: ("write", _write),
    0x06: ("read", _read),
    0x07: ("readc", _read_character),
    0x08: ("iserror", _is_error),
    0x09: ("istty", _is_terminal),
    0x0A: ("seek", _seek),
    0x0C: ("flen", _length),
    0x10: ("clock", _centiseconds),
    0x11: ("time", _seconds),
    0x13: ("errno", _errno),
    0x15: ("get_cmdline", _command_line),
    0x16: ("heapinfo", _heap_info),
    0x18: ("exit", _exit),
    0x20: ("exit_extended", _exit_extended),
    0x30: ("elapsed", _elapsed),
    0x31: ("tickfreq", _tick_frequency),
}
