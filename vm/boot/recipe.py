"""What a machine was booted from, as a value: enough to make the same machine again, here or on another computer."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Unpack

from msgspec import Meta, structs

from trapline.isa.sv32 import ADDRESSES, PAGE
from trapline.vm.board.virtio.block import Block
from trapline.vm.boot import drives, firmware, loader_device, semihosting
from trapline.vm.boot.kernel_image import Kernel
from trapline.vm.boot.memory_map import Plan
from trapline.vm.core.records import MAX_HARTS
from trapline.vm.loader.image import Image, Segment
from trapline.vm.loader.memory import MAX_MEMORY
from trapline.vm.loader.places import CodeSection, Row
from trapline.vm.machine import Machine, Options
from trapline.vm.state import Count, State, Word

Piece = tuple[Word, bytes]
"""Where in memory, and what."""
_CHUNK = 1 << 20


class MachineRecipe(State, frozen=True):
    """The options of `Machine` that a guest can notice. announce and streams are those of whoever makes it."""

    isa: Annotated[str, Meta(max_length=256)]
    harts: Annotated[int, Meta(ge=1, le=MAX_HARTS)]
    memory: Annotated[int, Meta(ge=PAGE, le=MAX_MEMORY, multiple_of=PAGE)]
    technique: str = "bare"
    shadow: str = "lazy"
    real_mleak: Word = 0
    legacy_virtio: bool = True
    clock: str = "instructions"


class SavedSegment(State, frozen=True):
    """Of a `Segment`."""

    vaddr: Word
    paddr: Word
    data: bytes
    memsz: Word
    flags: Word


class SavedImage(State, frozen=True):
    """Of an `Image`, with the lines that its instructions come from. supervisor, end: of a `Kernel`."""

    entry: Word
    segments: Annotated[tuple[SavedSegment, ...], Meta(min_length=1)]
    name: str
    phdr: Word
    phnum: Word
    symbol_table: bytes
    strings: bytes
    code: tuple[tuple[str, Word, Count], ...]
    rows: tuple[tuple[Word, Count, str, Count, str, bool, str], ...]
    supervisor: bool
    end: Count

    @classmethod
    def of(cls, kernel: Kernel) -> "SavedImage":
        """Of a kernel or firmware."""
        image = kernel.image
        segments = tuple(SavedSegment(s.vaddr, s.paddr, s.data, s.memsz, s.flags) for s in image.segments)
        return cls(
            image.entry, segments, image.name, image.phdr, image.phnum, image.symbol_table, image.strings,
            tuple((c.name, c.start, c.end) for c in image.code),
            tuple((r.start, r.end, r.file, r.line, r.expansion, r.statement, r.folder) for r in image.lines.rows),
            kernel.supervisor, kernel.end,
        )  # fmt: skip

    def kernel(self) -> Kernel:
        """The kernel. Raises ValueError for segments that no file could have."""
        for s in self.segments:
            if len(s.data) > s.memsz or max(s.vaddr, s.paddr) + s.memsz > ADDRESSES:
                raise ValueError(f"a segment at {s.vaddr:#x} ends outside the 32-bit address space")
        segments = [Segment(s.vaddr, s.paddr, s.data, s.memsz, s.flags) for s in self.segments]
        image = Image(
            self.entry, segments, self.name, self.phdr, self.phnum, self.symbol_table, self.strings,
            code=[CodeSection(*section) for section in self.code],
            find_lines=lambda: (Row(*row) for row in self.rows),
        )  # fmt: skip
        return Kernel(image, self.supervisor, self.end)


class SavedLoad(State, frozen=True):
    """Of a `loader_device.Load`, with the option's text."""

    text: str
    pieces: tuple[Piece, ...]
    hart: tuple[Count, Word] | None


class Recipe(State, frozen=True):
    """Of a `Boot`."""

    name: str
    machine: MachineRecipe
    kernel: SavedImage | None
    firmware: SavedImage | str
    tree: Piece
    initrd: Piece | None
    loads: tuple[SavedLoad, ...]
    drives: tuple[str, ...]
    devices: tuple[str, ...]
    arguments: tuple[str, ...] | None
    reboots: bool

    @classmethod
    def of(cls, boot: "Boot") -> "Recipe":
        """With all that it takes from files."""
        plan = boot.plan
        return cls(
            boot.name, boot.machine, None if plan.kernel is None else SavedImage.of(plan.kernel),
            plan.firmware if isinstance(plan.firmware, str) else SavedImage.of(plan.firmware), plan.tree, plan.initrd,
            tuple(SavedLoad(text, tuple(load.pieces), load.hart) for text, load in boot.loads),
            boot.drives, boot.devices, boot.arguments, boot.reboots,
        )  # fmt: skip

    def boot(self) -> "Boot":
        """What it is of. Raises ValueError."""
        own = self.firmware
        if isinstance(own, str) and own not in ("none", "sbi"):
            raise ValueError(f"there is no firmware '{own}'")
        if self.kernel is None and isinstance(own, str):
            raise ValueError("there is neither a kernel nor firmware")
        kernel = None if self.kernel is None else self.kernel.kernel()
        plan = Plan(kernel, own if isinstance(own, str) else own.kernel(), self.tree, self.initrd)
        loads = [(load.text, loader_device.Load(load.pieces, load.hart)) for load in self.loads]
        return Boot(
            self.name, self.machine, plan, loads, self.drives, self.devices, self.arguments, self.reboots
        )  # fmt: skip


@dataclass(frozen=True)
class Boot:
    """What a machine is made of, read from its files.

    name: for people. loads: of `--device loader`, with the option's text. drives, devices: options as
    `vm.boot.drives` reads them. arguments: a kernel's command line for semihosting, None where none is served.
    reboots: whether a reset boots again.
    """

    name: str
    machine: MachineRecipe
    plan: Plan
    loads: Sequence[tuple[str, loader_device.Load]] = ()
    drives: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    arguments: tuple[str, ...] | None = None
    reboots: bool = True

    def build(self, report: Callable[[str], None] = lambda text: None, **options: Unpack[Options]) -> Machine:
        """The machine, ready to run; its board is to be closed when it is not needed any more.

        report: see `Board.report`; options: what this leaves open, and where the machine is to differ.
        Raises ValueError, LoadError, and OSError for drives.
        """
        own = self.machine
        described = Options(
            isa=own.isa, harts=own.harts, memory=own.memory, technique=own.technique, shadow=own.shadow,
            real_mleak=own.real_mleak, legacy_virtio=own.legacy_virtio, clock=own.clock,
        )  # fmt: skip
        machine = Machine(**(described | options))
        machine.ends_trap_loops = True
        try:
            if machine.board is not None:
                machine.board.report = report
                drives.plug(machine.board, self.drives, self.devices)
            firmware.attach(machine, self.plan)
            kernel = None
            if self.arguments is not None:
                kernel = semihosting.SemihostedKernel(machine, self.arguments)
            start = partial(self._start, kernel)
            start(machine)
            if self.reboots:
                machine.restart = start
        except BaseException:
            if machine.board is not None:
                machine.board.close()
            raise
        return machine

    def under(self, technique: str, shadow: str) -> "Boot":
        """The same under another technique."""
        return replace(self, machine=structs.replace(self.machine, technique=technique, shadow=shadow))

    def _start(self, kernel: semihosting.SemihostedKernel | None, machine: Machine) -> None:
        """Load everything and start the harts: at power-on, and after each reset."""
        firmware.start(machine, self.plan)
        for text, load in self.loads:
            loader_device.apply(machine, text, load)
        if kernel is not None:
            kernel.begin()


class DriveFile(State, frozen=True):
    """The file behind a drive. digest: SHA-256 (hex) of its `size` bytes; slot: of the board; path: as it was named."""

    slot: Count
    path: str
    size: Count
    digest: str


def blocks(machine: Machine) -> Iterator[tuple[int, Block]]:
    """The drives of a machine, by slot."""
    assert machine.board is not None
    for number, slot in enumerate(machine.board.slots):
        if isinstance(slot.device, Block):
            yield number, slot.device


def drive_files(machine: Machine) -> tuple[DriveFile, ...]:
    """The files behind the drives of a machine. Raises OSError."""
    found = []
    for number, block in blocks(machine):
        size, total = block.drive.file_size, hashlib.sha256()
        for position in range(0, size, _CHUNK):
            total.update(block.drive.file_part(position, min(_CHUNK, size - position)))
        found.append(DriveFile(number, block.drive.path, size, total.hexdigest()))
    return tuple(found)


def check_drive_files(machine: Machine, expected: tuple[DriveFile, ...]) -> None:
    """Raise ValueError unless the drives of a machine have the contents that they had then."""
    found = drive_files(machine)
    if [file.slot for file in found] != [file.slot for file in expected]:
        raise ValueError("its drives are not those of its description")
    for file, then in zip(found, expected, strict=True):
        if (file.size, file.digest) != (then.size, then.digest):
            raise ValueError(
                f"{file.path}: this drive has changed since: its SHA-256 is {file.digest[:16]}..., it was "
                f"{then.digest[:16]}...; name an unchanged copy with --drive"
            )


def with_drives(boot: Boot, paths: tuple[str, ...]) -> Boot:
    """The same with other names of its drives' files, in order. Raises ValueError for another number of them."""
    if not paths:
        return boot
    if len(paths) != len(boot.drives):
        raise ValueError(f"--drive names {len(paths)} files, and the machine has {len(boot.drives)} drives")
    texts = []
    for text, path in zip(boot.drives, paths, strict=True):
        values = drives.parse("--drive", text, (*drives.DRIVE_KEYS, *drives.IGNORED_DRIVE_KEYS), "file") | {
            "file": path
        }
        texts.append(",".join(f"{name}={value.replace(',', ',,')}" for name, value in values.items()))
    return replace(boot, drives=tuple(texts))
