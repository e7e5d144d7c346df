"""Each system call: its result, and the error with which it fails."""

import io
import struct

import pytest

from support.process.processes import DATA, TEXT, call, tiny_image
from trapline.vm.process import Process
from trapline.vm.process.errno import (
    EAGAIN,
    EBADF,
    EFAULT,
    EINVAL,
    EMFILE,
    ENODEV,
    ENOENT,
    ENOSYS,
    ENOTTY,
    ERANGE,
    ESPIPE,
    ESRCH,
    ETIMEDOUT,
)
from trapline.vm.process.system_calls import TABLE, name_of

BUFFER = DATA + 0x100
BAD = 0xDEAD0000
UNMAPPED_END = DATA + 0x2000


class Guest:
    """A process whose system calls are made one by one."""

    def __init__(self, stdin: bytes = b"", **options) -> None:
        self.out, self.err = io.BytesIO(), io.BytesIO()
        image = tiny_image(data=b"/tmp/file\0")
        self.process = Process(image, ["prog"], stdin=io.BytesIO(stdin), stdout=self.out, stderr=self.err, **options)

    def __call__(self, number: int, *arguments: int) -> int:
        return call(self.process, number, *arguments)

    def put(self, data: bytes, address: int = BUFFER) -> int:
        self.process.space.write(address, data)
        return address

    def get(self, size: int, address: int = BUFFER) -> bytes:
        return self.process.space.read(address, size)


@pytest.fixture
def guest():
    return Guest(memory=16 << 20)


def test_write(guest):
    assert guest(64, 1, guest.put(b"hello"), 5) == 5
    assert guest(64, 2, BUFFER, 4) == 4
    assert (guest.out.getvalue(), guest.err.getvalue()) == (b"hello", b"hell")
    assert guest(64, 1, BAD, 0) == 0
    assert guest(64, 1, BAD, 5) == -EFAULT
    assert guest(64, 0, BUFFER, 5) == -EBADF
    assert guest(64, 3, BUFFER, 5) == -EBADF
    assert guest(64, -1, BUFFER, 5) == -EBADF
    assert guest(64, 1, UNMAPPED_END - 3, 10) == 3, "as much as can be read"
    assert guest(64, 1, UNMAPPED_END - 3, 0xFFFFFFFF) == 3
    assert guest(64, 1, TEXT, 4) == 4, "code may be read"


def test_read():
    guest = Guest(b"abcdefghij")
    assert guest(63, 0, BUFFER, 4) == 4
    assert guest.get(6) == b"abcd\0\0"
    assert guest(63, 0, BAD, 4) == -EFAULT
    assert guest(63, 0, TEXT, 4) == -EFAULT, "code may not be written"
    assert guest(63, 0, BUFFER, 0) == 0
    assert guest(63, 1, BUFFER, 4) == -EBADF
    assert guest(63, 9, BUFFER, 4) == -EBADF
    assert guest(63, 0, UNMAPPED_END - 2, 0x7FFFFFFF) == 2
    assert guest(63, 0, BUFFER, 100) == 4
    assert guest.get(4) == b"ghij"
    assert guest(63, 0, BUFFER, 100) == 0


def test_writev(guest):
    guest.put(b"one two three")
    guest.put(struct.pack("<8I", BUFFER, 3, 0, 0, BUFFER + 3, 4, BAD, 1), DATA)
    assert guest(66, 1, DATA, 3) == 7
    assert guest(66, 1, DATA, 4) == 7, "up to the bad one"
    assert guest(66, 1, DATA + 24, 1) == -EFAULT
    assert guest(66, 1, DATA, 0) == 0
    assert guest(66, 1, DATA, 1025) == -EINVAL
    assert guest(66, 1, DATA, -1) == -EINVAL
    assert guest(66, 1, BAD, 2) == -EFAULT
    assert guest(66, 7, DATA, 2) == -EBADF
    guest.put(struct.pack("<2I", BUFFER, 0x80000000), DATA)
    assert guest(66, 1, DATA, 1) == -EINVAL
    assert guest.out.getvalue() == b"one two" * 2


def test_readv():
    guest = Guest(b"0123456789")
    guest.put(struct.pack("<4I", BUFFER, 3, BUFFER + 8, 4), DATA)
    assert guest(65, 0, DATA, 2) == 7
    assert guest.get(12) == b"012" + bytes(5) + b"3456"
    assert guest(65, 0, DATA, 2) == 3
    assert guest(65, 0, DATA, 2) == 0
    assert guest(65, 1, DATA, 2) == -EBADF
    guest.put(struct.pack("<2I", BAD, 3), DATA)
    assert guest(65, 0, DATA, 1) == -EFAULT


def test_descriptors(guest):
    assert guest(23, 1) == 3
    assert guest(64, 3, guest.put(b"x"), 1) == 1
    assert guest(57, 1) == 0
    assert guest(57, 1) == -EBADF
    assert guest(64, 1, BUFFER, 1) == -EBADF
    assert guest(23, 3) == 1
    assert guest(64, 1, BUFFER, 1) == 1
    assert guest(24, 2, 1, 0) == 1, "dup3: 2>&1 the other way round"
    assert guest(64, 1, BUFFER, 1) == 1
    assert (guest.out.getvalue(), guest.err.getvalue()) == (b"xx", b"x")
    assert guest(24, 1, 1, 0) == -EINVAL
    assert guest(24, 9, 10, 0) == -EBADF
    assert guest(24, 1, 1024, 0) == -EBADF
    assert guest(23, 99) == -EBADF
    while (fd := guest(23, 0)) >= 0:
        assert fd < 1024
    assert fd == -EMFILE


def test_fcntl_ioctl_lseek(guest):
    assert guest(25, 0, 3, 0) == 0
    assert guest(25, 1, 3, 0) == 1
    assert guest(25, 1, 2, 1) == 0
    assert guest(25, 1, 0, 10) == 10
    assert guest(25, 1, 0, 5000) == -EINVAL
    assert guest(25, 1, 77, 0) == -EINVAL
    assert guest(25, 50, 1, 0) == -EBADF
    assert guest(29, 1, 0x5401, BUFFER) == -ENOTTY
    assert guest(29, 50, 0x5401, BUFFER) == -EBADF
    assert guest(62, 0, 0, 0, BUFFER, 1) == -ESPIPE
    assert guest(62, 50, 0, 0, BUFFER, 1) == -EBADF


def test_status(guest):
    assert guest(80, 1, BUFFER) == 0
    assert struct.unpack_from("<I", guest.get(128), 16)[0] == 0o020620
    assert guest(80, 5, BUFFER) == -EBADF
    assert guest(80, 1, BAD) == -EFAULT
    empty = guest.put(b"\0", DATA + 0x800)
    assert guest(79, 0, empty, BUFFER, 0x1000) == 0
    assert guest(79, 0, empty, BUFFER, 0) == -ENOENT
    assert guest(79, -100, DATA, BUFFER, 0) == -ENOENT
    assert guest(79, 44, empty, BUFFER, 0x1000) == -EBADF
    assert guest(291, 1, empty, 0x1000, 0x7FF, BUFFER) == 0
    assert struct.unpack_from("<H", guest.get(256), 28)[0] == 0o020620
    assert guest(291, -100, DATA, 0, 0x7FF, BUFFER) == -ENOENT
    assert guest(291, -100, BAD, 0, 0x7FF, BUFFER) == -EFAULT


@pytest.mark.parametrize("number", [56, 48, 439, 78, 35, 34])
def test_no_path_leads_anywhere(guest, number):
    assert guest(number, -100, DATA, 0o102, 0o666) == -ENOENT
    assert guest(number, -100, BAD, 0) == -EFAULT


@pytest.mark.parametrize("number", [1024, 1025, 1026, 1030, 1033, 1038, 1039, 49])
def test_no_path_leads_anywhere_for_newlib(guest, number):
    assert guest(number, DATA, 0o102, 0o666) == -ENOENT
    assert guest(number, BAD, 0) == -EFAULT


def test_getcwd(guest):
    assert guest(17, BUFFER, 100) == 2
    assert guest.get(2) == b"/\0"
    assert guest(17, BUFFER, 1) == -ERANGE
    assert guest(17, BAD, 100) == -EFAULT


def test_memory(guest):
    heap = guest(214, 0)
    assert guest(214, heap + 0x1000) == heap + 0x1000
    place = guest(222, 0, 0x2000, 3, 0x22, -1, 0)
    assert guest(64, 1, place, 0x2000) == 0x2000
    assert guest(226, place, 0x1000, 0) == 0
    assert guest(64, 1, place, 1) == -EFAULT
    assert guest(226, place, 0x1000, 8) == -EINVAL
    assert guest(215, place, 0x2000) == 0
    assert guest(64, 1, place + 0x1000, 1) == -EFAULT
    assert guest(222, 0, 0x1000, 3, 0x20, -1, 0) == -EINVAL
    assert guest(222, 0, 0x1000, 3, 0x02, 1, 0) == -ENODEV
    assert guest(222, 0, 0x1000, 3, 0x02, 9, 0) == -EBADF
    assert guest(222, 0, 0, 3, 0x22, -1, 0) == -EINVAL
    assert guest(233, place, 0x2000, 4) == 0


def test_time_stands_still_but_for_instructions_and_sleep(guest):
    assert guest(403, 1, BUFFER) == 0
    first = struct.unpack("<qq", guest.get(16))
    assert first[0] == 0 and first[1] < 1_000_000
    assert guest(407, 1, 0, guest.put(struct.pack("<qq", 5, 250)), 0) == 0
    guest(403, 0, BUFFER)
    seconds, nanoseconds = struct.unpack("<qq", guest.get(16))
    assert seconds == 5 and 250 <= nanoseconds < 1_000_000
    assert guest(115, 1, 1, guest.put(struct.pack("<ii", 7, 0)), 0) == 0, "until 7 s"
    assert guest(115, 1, 1, guest.put(struct.pack("<ii", 3, 0)), 0) == 0, "that has passed"
    assert guest(101, guest.put(struct.pack("<ii", 1, 0)), 0) == 0
    assert guest(113, 1, BUFFER) == 0
    assert struct.unpack("<ii", guest.get(8))[0] == 8
    assert guest(169, BUFFER, BUFFER + 64) == 0
    assert struct.unpack("<q", guest.get(8))[0] == 8
    assert guest(1062, BUFFER) == 8
    assert guest(153, BUFFER) >= 800
    assert guest.process.machine.csr["timeh"] == 0 and guest.process.machine.csr["time"] >= 80_000_000
    for number in (403, 113, 406, 114):
        assert guest(number, 99, BUFFER) == -EINVAL
        assert guest(number, 1, BAD) == -EFAULT
    assert guest(406, 1, 0) == 0
    for bad in (struct.pack("<qq", -1, 0), struct.pack("<qq", 0, 1_000_000_000)):
        assert guest(407, 1, 0, guest.put(bad), 0) == -EINVAL


def test_sleeping_for_ever_and_longer(guest):
    for _ in range(300):
        assert guest(407, 1, 0, guest.put(struct.pack("<qq", (1 << 63) - 1, 999_999_999)), 0) == 0
    assert guest(403, 1, BUFFER) == 0
    assert struct.unpack("<qq", guest.get(16))[0] > 0


def test_identity(guest):
    pid = guest(172)
    assert pid == guest(178) == guest(96, BUFFER) and pid > 0
    assert guest(173) == 1
    assert guest(174) == guest(175) == guest(176) == guest(177) == 1000
    assert guest(160, BUFFER) == 0
    fields = [guest.get(65, BUFFER + 65 * i).rstrip(b"\0") for i in range(6)]
    assert fields[0] == b"Linux" and fields[4] == b"riscv32"
    assert guest(160, BAD) == -EFAULT
    assert guest(99, BUFFER, 12) == 0
    assert guest(123, 0, 128, BUFFER) == 4
    assert guest(123, 0, 3, BUFFER) == -EINVAL


def test_random_is_the_same_every_time(guest):
    assert guest(278, BUFFER, 32, 0) == 32
    again = Guest(memory=16 << 20)
    again(278, BUFFER, 32, 0)
    assert again.get(32) == guest.get(32) != bytes(32)
    other = Guest(memory=16 << 20, seed=1)
    other(278, BUFFER, 32, 0)
    assert other.get(32) != guest.get(32)
    assert guest(278, BUFFER, 0x7FFFFFFF, 0) == -EFAULT
    assert guest(278, BUFFER, 8, 99) == -EINVAL


def test_limits(guest):
    assert guest(261, 0, 3, 0, BUFFER) == 0
    assert struct.unpack("<QQ", guest.get(16)) == (4 << 20, 4 << 20)
    assert guest(261, 0, 99, 0, BUFFER) == -EINVAL
    assert guest(261, 5, 3, 0, BUFFER) == -ESRCH
    assert guest(261, 0, 3, BAD, BUFFER) == -EFAULT
    assert guest(163, 7, BUFFER) == 0
    assert struct.unpack("<II", guest.get(8)) == (1024, 1024)
    assert guest(165, 0, BUFFER) == 0
    assert guest(165, 5, BUFFER) == -EINVAL


def test_signal_actions_and_masks(guest):
    action = struct.pack("<IIQ", 0x10000, 0, 7)
    assert guest(134, 10, guest.put(action), 0, 8) == 0
    assert guest(134, 10, 0, DATA, 8) == 0
    assert guest.get(16, DATA) == action
    assert guest(134, 9, BUFFER, 0, 8) == -EINVAL
    assert guest(134, 0, BUFFER, 0, 8) == -EINVAL
    assert guest(134, 10, BUFFER, 0, 4) == -EINVAL
    assert guest(134, 10, BAD, 0, 8) == -EFAULT
    assert guest(135, 0, guest.put(struct.pack("<Q", 6)), 0, 8) == 0
    assert guest(135, 1, guest.put(struct.pack("<Q", 2)), 0, 8) == 0
    assert guest(135, 0, 0, BUFFER, 8) == 0
    assert struct.unpack("<Q", guest.get(8)) == (4,)
    assert guest(135, 5, BUFFER, 0, 8) == -EINVAL


def test_signals_that_do_nothing(guest):
    pid = guest(172)
    assert guest(129, pid, 0) == 0
    assert guest(129, pid, 17) == 0, "SIGCHLD is ignored by default"
    assert guest(129, pid, 99) == -EINVAL
    assert guest(129, 77, 6) == -ESRCH
    assert guest(131, pid, 5, 6) == -ESRCH
    guest(134, 15, guest.put(struct.pack("<IIQ", 1, 0, 0)), 0, 8)
    assert guest(130, pid, 15) == 0, "SIGTERM is ignored now"


def test_futex(guest):
    guest.put(struct.pack("<I", 5))
    assert guest(422, BUFFER, 0, 6, 0) == -EAGAIN
    assert guest(422, BUFFER, 0, 5, 0) == 0
    assert guest(98, BUFFER, 129, 1, 0) == 0
    guest.put(struct.pack("<qq", 1, 0), DATA)
    assert guest(422, BUFFER, 0, 5, DATA) == -ETIMEDOUT
    assert guest.process.nanoseconds >= 1_000_000_000
    assert guest(422, BAD, 0, 5, 0) == -EFAULT
    assert guest(422, BUFFER + 1, 0, 5, 0) == -EINVAL
    assert guest(422, BUFFER, 77, 5, 0) == -ENOSYS


def test_unknown_calls_and_statistics(guest):
    for number in (0, 220, 221, 293, 999, 0xFFFFFFFF, 1 << 31):
        assert guest(number, 1, 2, 3, 4, 5, 6) == -ENOSYS
    guest(172)
    guest(172)
    counts = guest.process.system_calls
    assert counts["getpid"] == 2 and counts["execve"] == 1 and counts["call 999"] == 1
    assert next(iter(counts)) == "getpid"


def test_every_call_has_a_name_and_fits_the_registers():
    assert len(TABLE) > 60
    for number, entry in TABLE.items():
        assert len(list(entry.arguments(range(32)))) <= 6 and entry.name == name_of(number)
