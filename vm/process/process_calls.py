"""System calls on the process itself: exit, time, identity, limits and signals."""

import struct

from trapline.isa.word import WORD
from trapline.vm.loader.image import WRITE
from trapline.vm.process.caller import Caller
from trapline.vm.process.errno import (
    EAGAIN,
    EINVAL,
    ENOSYS,
    ESRCH,
    ETIMEDOUT,
    IGNORED_BY_DEFAULT,
    SIGKILL,
    SIGSTOP,
    SystemCallError,
)
from trapline.vm.process.files import MAX_FILES
from trapline.vm.process.stack import USER_ID
from trapline.vm.process.system_calls import constant, signed, system_call

PROCESS_ID = 1000
_CLOCKS = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 11})
_SECOND = 1_000_000_000
_SIG_IGN = 1
MAX_SIGNAL = 64
_SIGNAL_SET = MAX_SIGNAL // 8
"""Bytes of a set of signals."""
ACTION_SIZE = 16
"""Bytes of a sigaction: handler, flags, set of signals."""
SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = range(3)
_HARTS = 1 << 0
"""The set of harts that a process may run on: the first."""
_GRND = 7
"""The flags of getrandom that exist."""
_MOST_RANDOM = 1 << 16
"""Maximum bytes of one getrandom."""
RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_AS = 3, 4, 7, 9
_LAST_RESOURCE = 15
_FUTEX_COMMAND = 0x7F
"""The bits of a futex operation without its flags."""
FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 0, 1, 9, 10


@system_call("exit", 93)
def exit(process: Caller, status: int) -> int:
    process.exit(status & 0xFF)
    return 0


@system_call("exit_group", 94)
def exit_group(process: Caller, status: int) -> int:
    process.exit(status & 0xFF)
    return 0


# --- time: the machine's clock, 100 ns a tick, for reproducible runs ------------------------------


def _clock(process: Caller, clock: int) -> tuple[int, int]:
    if clock not in _CLOCKS:
        raise SystemCallError(EINVAL)
    return divmod(process.nanoseconds, _SECOND)


@system_call("clock_gettime64", 403)
def clock_gettime64(process: Caller, clock: int, result: int) -> int:
    process.space.write(result, struct.pack("<qq", *_clock(process, clock)))
    return 0


@system_call("clock_gettime", 113)
def clock_gettime(process: Caller, clock: int, result: int) -> int:
    process.space.write(result, struct.pack("<II", *(part & 0xFFFFFFFF for part in _clock(process, clock))))
    return 0


@system_call("clock_getres64", 406)
def clock_getres64(process: Caller, clock: int, result: int) -> int:
    _clock(process, clock)
    if result:
        process.space.write(result, struct.pack("<qq", 0, 100))
    return 0


@system_call("clock_getres", 114)
def clock_getres(process: Caller, clock: int, result: int) -> int:
    _clock(process, clock)
    if result:
        process.space.write(result, struct.pack("<ii", 0, 100))
    return 0


@system_call("gettimeofday", 169)
def gettimeofday(process: Caller, result: int, zone: int) -> int:
    """newlib's `struct timeval`: 64-bit seconds, 32-bit microseconds, padding."""
    seconds, rest = _clock(process, 0)
    if result:
        process.space.write(result, struct.pack("<qii", seconds, rest // 1000, 0))
    if zone:
        process.space.write(zone, bytes(8))
    return 0


@system_call("time", 1062)
def time(process: Caller, result: int) -> int:
    seconds = _clock(process, 0)[0]
    if result:
        process.space.write(result, struct.pack("<q", seconds))
    return seconds


@system_call("times", 153)
def times(process: Caller, result: int) -> int:
    ticks = process.nanoseconds // 10_000_000
    if result:
        process.space.write(result, struct.pack("<IIII", ticks & 0xFFFFFFFF, 0, 0, 0))
    return ticks & 0x7FFFFFFF


def _sleep(process: Caller, clock: int, absolute: int, request: int, layout: str) -> int:
    """Let the requested time pass at once: deterministic time needs no waiting."""
    seconds, nanoseconds = struct.unpack(layout, process.space.read(request, struct.calcsize(layout)))
    if seconds < 0 or not 0 <= nanoseconds < _SECOND or clock not in _CLOCKS:
        raise SystemCallError(EINVAL)
    wanted = seconds * _SECOND + nanoseconds
    process.pass_time(wanted - process.nanoseconds if absolute & 1 else wanted)
    return 0


@system_call("nanosleep", 101)
def nanosleep(process: Caller, request: int) -> int:
    return _sleep(process, 0, 0, request, "<ii")


@system_call("clock_nanosleep64", 407)
def clock_nanosleep64(process: Caller, clock: int, flags: int, request: int) -> int:
    return _sleep(process, clock, flags, request, "<qq")


@system_call("clock_nanosleep", 115)
def clock_nanosleep(process: Caller, clock: int, flags: int, request: int) -> int:
    return _sleep(process, clock, flags, request, "<ii")


# --- identity --------------------------------------------------------------------------------------

constant(PROCESS_ID, "getpid", 172)
constant(PROCESS_ID, "gettid", 178)
constant(1, "getppid", 173)
constant(PROCESS_ID, "getpgid", 155)
constant(PROCESS_ID, "getsid", 156)
constant(USER_ID, "getuid", 174)
constant(USER_ID, "geteuid", 175)
constant(USER_ID, "getgid", 176)
constant(USER_ID, "getegid", 177)
constant(PROCESS_ID, "set_tid_address", 96)
constant(0, "set_robust_list", 99)
constant(0, "sched_yield", 124)
constant(0, "sigaltstack", 132)


@system_call("uname", 160)
def uname(process: Caller, result: int) -> int:
    fields = (b"Linux", b"trapline", b"6.1.0-trapline", b"#1", b"riscv32", b"(none)")
    process.space.write(result, b"".join(field.ljust(65, b"\0") for field in fields))
    return 0


@system_call("sched_getaffinity", 123)
def sched_getaffinity(process: Caller, pid: int, size: int, mask: int) -> int:
    if size < WORD or size % WORD:
        raise SystemCallError(EINVAL)
    process.space.write(mask, _HARTS.to_bytes(WORD, "little"))
    return WORD


@system_call("getrandom", 278)
def getrandom(process: Caller, buffer: int, size: int, flags: int) -> int:
    if flags & ~_GRND:
        raise SystemCallError(EINVAL)
    size = min(size, _MOST_RANDOM)
    process.space.check(buffer, size, WRITE)
    process.space.write(buffer, process.random.randbytes(size))
    return size


# --- limits ----------------------------------------------------------------------------------------

_UNLIMITED = (1 << 64) - 1


def _limit(process: Caller, resource: int) -> int:
    if resource > _LAST_RESOURCE:
        raise SystemCallError(EINVAL)
    layout = process.space.layout
    limits = {
        RLIMIT_STACK: layout.stack_top - layout.stack_bottom,
        RLIMIT_CORE: 0,
        RLIMIT_NOFILE: MAX_FILES,
        RLIMIT_AS: layout.memory,
    }
    return limits.get(resource, _UNLIMITED)


@system_call("prlimit64", 261)
def prlimit64(process: Caller, pid: int, resource: int, new: int, old: int) -> int:
    if pid not in (0, PROCESS_ID):
        raise SystemCallError(ESRCH)
    limit = _limit(process, resource)
    if new:
        process.space.read(new, ACTION_SIZE)
    if old:
        process.space.write(old, struct.pack("<QQ", limit, limit))
    return 0


@system_call("getrlimit", 163)
def getrlimit(process: Caller, resource: int, result: int) -> int:
    limit = min(_limit(process, resource), 0xFFFFFFFF)
    process.space.write(result, struct.pack("<II", limit, limit))
    return 0


@system_call("getrusage", 165)
def getrusage(process: Caller, who: int, result: int) -> int:
    if signed(who) not in (-1, 0, 1):
        raise SystemCallError(EINVAL)
    seconds, rest = divmod(process.nanoseconds, _SECOND)
    process.space.write(result, struct.pack("<ii", seconds & 0x7FFFFFFF, rest // 1000) + bytes(64))
    return 0


# --- signals: actions are recorded, fatal signals end the process -------------------------------------


@system_call("rt_sigaction", 134)
def rt_sigaction(process: Caller, number: int, new: int, old: int, size: int) -> int:
    if not 1 <= number <= MAX_SIGNAL or size != _SIGNAL_SET:
        raise SystemCallError(EINVAL)
    action = process.space.read(new, ACTION_SIZE) if new else None
    if old:
        process.space.write(old, process.actions.get(number, bytes(ACTION_SIZE)))
    if action is not None:
        if number in (SIGKILL, SIGSTOP):
            raise SystemCallError(EINVAL)
        process.actions[number] = action
    return 0


@system_call("rt_sigprocmask", 135)
def rt_sigprocmask(process: Caller, how: int, new: int, old: int, size: int) -> int:
    if size != _SIGNAL_SET or (new and how > SIG_SETMASK):
        raise SystemCallError(EINVAL)
    mask = int.from_bytes(process.space.read(new, _SIGNAL_SET), "little") if new else 0
    if old:
        process.space.write(old, process.signal_mask.to_bytes(_SIGNAL_SET, "little"))
    if new:
        masks = {SIG_BLOCK: process.signal_mask | mask, SIG_UNBLOCK: process.signal_mask & ~mask, SIG_SETMASK: mask}
        process.signal_mask = masks[how]
    return 0


def ignores(process: Caller, number: int) -> bool:
    """Whether this signal has no effect: ignored by the guest, or by default."""
    handler = int.from_bytes(process.actions.get(number, bytes(4))[:4], "little")
    return handler == _SIG_IGN or (handler == 0 and number in IGNORED_BY_DEFAULT)


@system_call("kill", 129)
def kill(process: Caller, pid: int, number: int) -> int:
    if number > MAX_SIGNAL:
        raise SystemCallError(EINVAL)
    if signed(pid) not in (PROCESS_ID, 0, -1, -PROCESS_ID):
        raise SystemCallError(ESRCH)
    if number:
        process.signal(number)
    return 0


@system_call("tkill", 130)
def tkill(process: Caller, thread: int, number: int) -> int:
    return kill(process, thread, number)


@system_call("tgkill", 131)
def tgkill(process: Caller, group: int, thread: int, number: int) -> int:
    if thread != PROCESS_ID:
        raise SystemCallError(ESRCH)
    return kill(process, group, number)


@system_call("futex", 98)
def futex32(process: Caller, address: int, operation: int, value: int, timeout: int) -> int:
    return _futex(process, address, operation, value, timeout, "<ii")


@system_call("futex", 422)
def futex64(process: Caller, address: int, operation: int, value: int, timeout: int) -> int:
    return _futex(process, address, operation, value, timeout, "<qq")


def _futex(process: Caller, address: int, operation: int, value: int, timeout: int, layout: str) -> int:
    """With a single thread, a wake finds no waiter, and a wait ends with its timeout or at once, as if woken."""
    command = operation & _FUTEX_COMMAND
    if command in (FUTEX_WAKE, FUTEX_WAKE_BITSET):
        return 0
    if command not in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
        raise SystemCallError(ENOSYS)
    if address % WORD:
        raise SystemCallError(EINVAL)
    if process.space.word(address) != value:
        raise SystemCallError(EAGAIN)
    if timeout:
        _sleep(process, 0, command == FUTEX_WAIT_BITSET, timeout, layout)
        raise SystemCallError(ETIMEDOUT)
    return 0
