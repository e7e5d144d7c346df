"""Machines that run bundled programs, saved in the middle, and files of them that somebody has changed."""

import dataclasses
import io
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from msgspec.structs import replace

from support.paths import BOOT_KERNELS, PROGRAMS
from trapline import Machine
from trapline.vm.board.board import BoardState
from trapline.vm.boot.kernel_image import from_elf
from trapline.vm.boot.memory_map import Plan, Request, make_plan
from trapline.vm.boot.recipe import Boot, MachineRecipe
from trapline.vm.exit import ExitReason
from trapline.vm.host.console import Console
from trapline.vm.loader.source import load_file
from trapline.vm.process import Process
from trapline.vm.snapshot_file import container, writing
from trapline.vm.snapshot_file.chunks import ChunkWriter
from trapline.vm.snapshot_file.processes import opened_process, save_process
from trapline.vm.snapshot_file.reading import opened_machine
from trapline.vm.snapshot_file.recording import Recorder

MEMORY = 4 << 20
TYPED = b"hello\nworld\n"
MOST = 1_000_000
"""Steps after which a run is as good as ended."""
_INTERESTING = (0, 1, -1, 2, 3, 255, 4095, 4096, 1 << 20, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 62, (1 << 63) - 1)


@dataclass(frozen=True)
class Case:
    """A program of programs/boot, or of the tests' kernels, and how it runs. disk: it gets a drive."""

    program: str
    technique: str = "bare"
    harts: int = 1
    shadow: str = "lazy"
    disk: bool = False

    def __str__(self) -> str:
        return f"{self.program}-{self.technique}-{self.shadow}-{self.harts}"

    def boot(self, disk: Path) -> Boot:
        """What it boots. disk: the file of its drive, written if there is none."""
        drives = ()
        if self.disk:
            if not disk.exists():
                disk.write_bytes(b"".join((7 * n + 1).to_bytes(4, "little") for n in range(1024)))
            drives = (f"file={disk}",)
        own = MachineRecipe("rv32ima", self.harts, MEMORY, self.technique, self.shadow)
        return Boot(str(self), own, _plan(self.program, self.harts), drives=drives)


@cache
def _plan(program: str, harts: int) -> Plan:
    path = PROGRAMS / "boot" / program
    kernel = from_elf(load_file(path if path.exists() else BOOT_KERNELS / program, raw_base=0x80000000))
    return make_plan(Request(("i", "m", "a"), harts, (0x80000000, MEMORY), kernel))


def end(machine: Machine, most: int) -> dict[str, Any]:
    """Run on, and everything that one may then see of the machine."""
    exit = machine.run(max_instructions=most)
    assert machine.board is not None
    records = machine.engine.arrays.machines
    # When a loop is found to be endless depends on where the host looks.
    endless = exit.reason in (ExitReason.ENDLESS_LOOP, ExitReason.TRAP_LOOP)
    seen = {
        "exit": str(exit), "digest": machine.digest(), "console": machine.console.output,
        "cycle": None if endless else machine.cycle,
        "traps": machine.trap_counts, "resets": machine.resets, "board": _shown(machine.board.save()),
        "exits": records["exits"].tolist(), "faults": records["hidden_faults"].tolist(),
        "emulated": records["emulated"].tolist(),
    }  # fmt: skip
    machine.board.close()
    return seen


def _shown(board: BoardState) -> BoardState:
    """Without what depends on when the host last looked at a device."""
    slots = tuple(replace(slot, driven=False) for slot in board.slots)
    return replace(board, uart=replace(board.uart, driven=False, seen=0), slots=slots)


class Typist:
    """Somebody who types a key now and then. interactive: a person."""

    quit = False

    def __init__(self, rng: random.Random, interactive: bool, keys: bytes = b"hello, world\nq\n") -> None:
        self._rng, self.interactive, self._keys = rng, interactive, list(keys)

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        return nullcontext()

    def poll(self, seconds: float) -> bytes | None:
        if self._rng.random() < 0.5:
            return b""
        return bytes((self._keys.pop(0),)) if self._keys else None


def recorded(boot: Boot, path: Path, rng: random.Random, interactive: bool) -> dict[str, Any]:
    """Record a run: all that one may see at its end."""
    machine = boot.build(console=Console(None, Typist(rng, interactive)))
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(machine, boot, stream)
        exit = machine.run(max_instructions=MOST)
        recorder.finish(machine, exit)
    return end(machine, 0)


def saved(machine: Machine, boot: Boot) -> bytes:
    """The bytes of its file."""
    stream = io.BytesIO()
    writing.save(machine, boot, stream)
    return stream.getvalue()


def resumed(data: bytes, path: Path, **options: Any) -> Machine:
    """The machine in a file with these bytes."""
    path.write_bytes(data)
    with opened_machine(str(path)) as there:
        return there.build(**({"console": Console()} | options))


def saved_process(process: Process) -> bytes:
    """The bytes of its file."""
    stream = io.BytesIO()
    save_process(process, stream)
    return stream.getvalue()


def resumed_process(data: bytes, path: Path, **options: Any) -> Process:
    """The process in a file with these bytes."""
    path.write_bytes(data)
    with opened_process(str(path)) as there:
        return there.build(**options)


def contents(data: bytes) -> list[Any]:
    """The messages of a file, as plain values."""
    body = zstandard.ZstdDecompressor().decompressobj().decompress(data[10:-32])
    found = []
    while body:
        length = int.from_bytes(body[:4], "little")
        found.append(msgspec.msgpack.decode(body[4 : 4 + length]))
        body = body[4 + length :]
    return found


def packed(messages: list[Any], kind: bytes = container.MACHINE) -> bytes:
    """A file with these messages, and a checksum that is right."""
    stream = io.BytesIO()
    writer = container.MessageWriter(stream, kind)
    for message in messages:
        writer.put(message)
    writer.finish()
    return stream.getvalue()


def chunks_of(data: bytes) -> list[Any]:
    """The messages of a recording, as plain values."""
    found, at = [], 10
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        frame = data[at + 4 : at + 4 + length]
        found.append(msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompressobj().decompress(frame)))
        at += 4 + length + 32
    return found


def packed_chunks(messages: list[Any]) -> bytes:
    """A recording with these messages, and checksums that are right."""
    stream = io.BytesIO()
    writer = ChunkWriter(stream)
    for message in messages:
        writer.put(message)
    return stream.getvalue()


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The file with a change or a few somewhere in its contents."""
    return packed(mutated_messages(contents(data), rng), data[:8])


def mutated_messages(messages: list[Any], rng: random.Random) -> list[Any]:
    """Messages with a change or a few somewhere, of which one is seldom there twice or not at all."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        index = rng.choice((0, 1, 1, 1, 1, *range(len(messages))))
        messages[index] = _changed(messages[index], rng)
    if rng.random() < 0.02:
        messages.insert(rng.randrange(len(messages)), rng.choice(messages))
    if rng.random() < 0.02:
        del messages[rng.randrange(len(messages))]
    return messages


def _changed(value: Any, rng: random.Random) -> Any:
    """A value of which one part somewhere is another."""
    if isinstance(value, dict) and value and rng.random() < 0.99:
        key = rng.choice(list(value))
        return value | {key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.97:
        index = rng.randrange(len(value))
        return [*value[:index], _changed(value[index], rng), *value[index + 1 :]]
    if isinstance(value, bytes) and value and rng.random() < 0.97:
        return _changed_bytes(value, rng)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int) and rng.random() < 0.95:
        near = rng.choice((value + 1, value - 1, value ^ 1 << rng.randrange(64), rng.getrandbits(32)))
        return rng.choice((*_INTERESTING, near if -(1 << 63) <= near < 1 << 64 else value))
    return rng.choice((None, 0, -5, "", "x", b"", b"\0" * 8, [], {}, 1.5, True, value))


def _changed_bytes(value: bytes, rng: random.Random) -> bytes:
    data = bytearray(value)
    kind, size = rng.random(), rng.choice((1, 4, 8, 8))
    at = rng.randrange(max(1, len(data) // size)) * size
    if kind < 0.4:
        data[at] ^= 1 << rng.randrange(8) if at < len(data) else 0
    elif kind < 0.9 and len(data) >= size:
        number = rng.choice(_INTERESTING) + rng.choice((0, 0, 1, -1))
        data[at : at + size] = (number & (1 << 8 * size) - 1).to_bytes(size, "little")
    elif kind < 0.95:
        del data[rng.randrange(len(data)) :]
    else:
        data += rng.randbytes(rng.choice((1, 8, 4096)))
    return bytes(data)


def under(boot: Boot, **changes: Any) -> Boot:
    """The same machine with other options."""
    return dataclasses.replace(boot, machine=replace(boot.machine, **changes))
