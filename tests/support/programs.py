"""The programs under programs/: how each is run and what it does. `tests/programs` and others run them."""

import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from support.gnu import Outcome
from support.paths import PROGRAMS

EXPECTED = PROGRAMS / "expected"
TEXT = b"The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Case:
    """A run of a program; by default the output is in programs/expected, the input too if there is one."""

    program: str
    arguments: tuple[str, ...] = ()
    status: int = 0
    stdin: bytes | None = None
    output: bytes | None = None
    environ: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.program, *self.arguments]) if len(self.arguments) < 4 else f"{self.program} ..."

    @property
    def source(self) -> Path:
        return PROGRAMS / f"{self.program}.s"

    @property
    def expected(self) -> Outcome:
        output = (EXPECTED / f"{self.program}.out").read_bytes() if self.output is None else self.output
        return Outcome(output, self.status)

    @property
    def input(self) -> bytes:
        file = EXPECTED / f"{self.program}.in"
        if self.stdin is not None:
            return self.stdin
        return file.read_bytes() if file.exists() else b""


def digests(*messages: bytes) -> bytes:
    return b"".join(hashlib.sha256(m).hexdigest().encode() + b"\n" for m in messages)


AROUND_A_BLOCK = [b"x" * n for n in (54, 55, 56, 63, 64, 65)]

USER = [
    Case("allocator"),
    Case("arguments", ("one", "two words", ""), status=3, environ={"GREETING": "hello"}),
    Case("crc32"),
    Case("crc32", ("123456789", ""), output=b"cbf43926\n00000000\n"),
    Case("crc32", stdin=TEXT * 300, output=b"%08x\n" % zlib.crc32(TEXT * 300)),
    Case("echo"),
    Case("echo", stdin=bytes(range(256)) * 40, output=bytes(range(256)) * 40),
    Case("echo", stdin=b"", output=b""),
    Case("fib"),
    Case("fib", ("16",), output=b"987\n"),
    Case("hanoi"),
    Case("hanoi", ("1",), output=b"disk 1 A -> C\n1 moves\n"),
    Case("hanoi", ("21",), status=1, output=b"the number of disks must be 1 to 20\n"),
    Case("hello"),
    Case("matmul"),
    Case("quicksort"),
    Case("sha256"),
    Case("sha256", ("abc", ""), output=digests(b"abc", b"")),
    Case("sha256", tuple(m.decode() for m in AROUND_A_BLOCK), output=digests(*AROUND_A_BLOCK)),
    Case("sha256", stdin=TEXT * 300, output=digests(TEXT * 300)),
    Case("sieve"),
    Case("sieve", ("10000",), output=b"1229 primes below 10000, the largest is 9973\n"),
    Case("sieve", ("2",), status=1, output=b"the limit must be 3 to 16000000\n"),
    Case("strings"),
]

BOOT = [
    Case("boot/delegation"),
    Case("boot/ecall", status=7),
    Case("boot/pmp"),
    Case("boot/selfmod"),
    Case("boot/spinlock"),
    Case("boot/sv32"),
    Case("boot/threads"),
    Case("boot/timer"),
    Case("boot/uart-hello"),
    Case("boot/uart-interrupt"),
]
