"""A whole machine: harts, RAM and board, built from a program, run and looked at from Python."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, Unpack

from trapline.isa.cause import ALL_EXCEPTIONS, INTERRUPT
from trapline.isa.extension import extension_mask
from trapline.isa.isa_string import misa_value, parse_isa
from trapline.isa.sv32 import ADDRESSES, PAGE
from trapline.isa.xleak import ALL_HOLES
from trapline.vm.board.board import Board
from trapline.vm.board.devices import Bus, Device
from trapline.vm.board.htif import Htif
from trapline.vm.core.access import RAM_BASE
from trapline.vm.core.clint import CLINT, CLINT_SIZE
from trapline.vm.core.counters import as_field
from trapline.vm.core.hart import INTERRUPT_COUNTS, ONLY_DEVICES
from trapline.vm.core.loop import update_time
from trapline.vm.engine import Announce, Engine
from trapline.vm.engine_kinds import chosen_kind
from trapline.vm.exit import Exit
from trapline.vm.exit import ExitReason as ExitReason  # re-exported for callers of `run`
from trapline.vm.exits.clock import Clock
from trapline.vm.exits.exit_handler import ExitHandler
from trapline.vm.history.history import DEFAULT_MEMORY, History
from trapline.vm.host.console import Console
from trapline.vm.loader.image import Image
from trapline.vm.machine_options import Options
from trapline.vm.registers import Hart
from trapline.vm.run_loop import Log, RunLoop
from trapline.vm.sbi.call import Sbi
from trapline.vm.snapshot.snapshot import Part, Present, Saver, Snapshot
from trapline.vm.stops.stops import AddressesOf, Stops

if TYPE_CHECKING:
    import numpy as np

    from trapline.vm.snapshot.pages import SavedMemory

TrapHook = Callable[["Machine", int, int], bool | None]
"""Called with the machine, the cause and the tval of an exception; True ends it there, as the hook has served it."""


class MemoryRangeError(ValueError):
    """An access of the host outside RAM."""


class Machine:
    """A machine: harts, RAM and a board like QEMU's `virt`.

    >>> machine = Machine.from_source("_start: li a0, 41; addi a0, a0, 1")
    >>> machine.step(2).reason, machine.x["a0"]
    (<ExitReason.LIMIT: 'instruction limit'>, 42)

    Attributes: `harts` (`vm.registers.Hart`), of which `x`, `csr`, `pc` and `mode` are the first one's: registers by
    ABI name, CSRs by name; `ram` (uint8[memory]; change code with `write`, which forgets what was decoded); `symbols`
    addresses by name; `stops` of a debugger, `breakpoints` the addresses among them; `host_traps` a bit for each
    exception cause that ends `run` instead of reaching the guest; `ends_trap_loops` whether `run` ends when the guest
    can only trap or loop for ever; `console.output` what the guest printed, unless it went to `stdout`; `restart` what
    is called with the machine to load and start everything again when the guest resets it, without which a reset ends
    `run`; `resets` how often it did; `parts` what is attached to it that has a state of its own, by name.

    isa: ISA string, such as `rv32ima_xleak`. harts: 1 to 8, which run in turn, 1,000 steps each.
    memory: bytes of RAM, a multiple of 4096; ram_base: its first physical address.
    engine: `numba`, `interpreter` (which translates nothing), `python`, or None for $TRAPLINE_ENGINE or `numba`.
    technique: how a hypervisor runs the machine (`vm.hypervisor.technique.TECHNIQUES`), `bare` for no hypervisor.
    shadow: when its shadow page tables follow the guest's (`vm.hypervisor.technique.SHADOWS`).
    real_mleak: bits of `mleak` of its real harts: holes that trap out of the guest, whatever its own bits are.
    board: whether there are CLINT, PLIC, UART, test finisher and virtio slots; legacy_virtio: see `vm.board.board`.
    stdout, stdin: binary streams of the console, without which it captures; console: one made already instead.
    events: whether the dispatcher notes exits for `exit_log` (`vm.hypervisor.host.event_ring`).
    clock: `instructions`, which is deterministic, or `wall` (`vm.exits.clock`).
    announce: `announce(kind)` is entered while the engine is compiled, in the first run of this version.
    contents: of all memory, from a snapshot; what is equal is shared. Such a machine is then to go to that snapshot.
    Raises ValueError for sizes, ISA strings, engines or techniques that do not exist.
    """

    breakpoints = AddressesOf()

    def __init__(
        self,
        *,
        isa: str = "rv32ima",
        harts: int = 1,
        memory: int = 128 << 20,
        ram_base: int = RAM_BASE,
        engine: str | None = None,
        technique: str = "bare",
        shadow: str = "lazy",
        real_mleak: int = 0,
        board: bool = True,
        stdout: BinaryIO | None = None,
        stdin: BinaryIO | bytes | None = None,
        legacy_virtio: bool = True,
        console: Console | None = None,
        clock: str = "instructions",
        events: bool = False,
        announce: Announce | None = None,
        contents: "SavedMemory | None" = None,
    ) -> None:
        if memory <= 0 or memory % PAGE or ram_base % PAGE or ram_base + memory > ADDRESSES:
            raise ValueError(f"RAM of {memory:#x} bytes at {ram_base:#x} is not whole pages within 4 GiB")
        kind = chosen_kind(engine)
        self._options = Options(
            isa=isa, harts=harts, memory=memory, ram_base=ram_base, engine=kind, technique=technique, shadow=shadow,
            real_mleak=real_mleak, board=board, legacy_virtio=legacy_virtio, clock=clock, events=events,
        )  # fmt: skip
        self.isa = parse_isa(isa)
        self.engine = Engine(
            kind=kind, harts=harts, misa=misa_value(self.isa), extensions=extension_mask(self.isa), ram_base=ram_base,
            ram_size=memory, board=board, technique=technique, shadow=shadow,
            events=events and technique != "bare", announce=announce,
            memory=None if contents is None else contents.private_copy(),
        )  # fmt: skip
        self._ram, self.ram_base, self._m = self.engine.buffers.ram[:memory], ram_base, self.engine.m
        if not 0 <= real_mleak <= ALL_HOLES:
            raise ValueError(f"real_mleak must be in 0..{ALL_HOLES:#x}, not {real_mleak:#x}")
        self._m.real_mleak = real_mleak
        self.harts = [Hart(h, partial(update_time, m=self._m)) for h in self.engine.h]
        self.x, self.csr = self.harts[0].x, self.harts[0].csr
        self.console = console or Console(stdout, stdin)
        self.board = Board(self.engine.h, self.console, self, legacy_virtio) if board else None
        self.bus = self.board.bus if self.board else Bus()
        self.clock = Clock(self, clock)
        self.htif: Htif | None = None
        self.sbi: Sbi | None = None
        self.symbols: dict[str, int] = {}
        self.stops = Stops(self)
        self.host_traps, self.resets, self.ends_trap_loops = 0, 0, False
        self.restart: Callable[[Machine], None] | None = None
        self._exit_handler = ExitHandler(self)
        self._loop = RunLoop(self, self._exit_handler)
        self.parts: dict[str, Part] = {}
        self.history: History | None = None
        self._saver = Saver(self, self._exit_handler, contents)
        self.pc = ram_base

    # Building

    @classmethod
    def from_file(cls, path: str | Path, **options: Unpack[Options]) -> "Machine":
        """A machine with an ELF, an assembly source or a raw image loaded. options: of `Machine`.

        Raises LoadError, and `asm.AsmError` for a source.
        """
        from trapline.vm.loader.source import load_file

        machine = cls(**options)
        machine.load(load_file(path, raw_base=machine.ram_base, isa=machine._options["isa"]))
        return machine

    @classmethod
    def from_elf(cls, data: bytes, **options: Unpack[Options]) -> "Machine":
        """A machine with the bytes of an ELF loaded. Raises LoadError."""
        from trapline.vm.loader.files import load_elf

        machine = cls(**options)
        machine.load(load_elf(data))
        return machine

    @classmethod
    def from_source(
        cls, text: str, *, name: str = "<string>", entry: str | None = None, **options: Unpack[Options]
    ) -> "Machine":
        """A machine with assembly text at the start of RAM.

        name: what messages call the text; entry: symbol where it starts, by default `_start`, else the start of .text.
        Raises `asm.AsmError` for mistakes, LoadError for a program that the RAM has no room for.
        """
        from trapline.vm.loader.source import load_source

        machine = cls(**options)
        machine.load(load_source(text, name=name, entry=entry, text_base=machine.ram_base, isa=machine._options["isa"]))
        return machine

    def load(self, image: Image) -> None:
        """Place the segments of an `Image` and enter at its entry. Raises `LoadError` if it is not for this machine."""
        from trapline.vm.loader.memory import check_fits, headers_below

        check_fits(image, self.isa, self.ram_base, len(self._ram))
        for segment in image.segments:
            skipped = headers_below(image, segment, self.ram_base)
            self.write(segment.paddr + skipped, segment.data[skipped:])
            offset, length = segment.paddr + len(segment.data) - self.ram_base, segment.memsz - len(segment.data)
            self.engine.clear(offset, length)
            self.engine.drop_code(offset, length)
        self.pc = image.physical_entry
        self.symbols = dict(image.symbols)
        self._watch_tohost()

    def _watch_tohost(self) -> None:
        address = self.symbols.get("tohost")
        if address is not None and self._offset(address, 8) is not None:
            self.htif = Htif(self, address, self.symbols.get("fromhost"))
            self._m.tohost = address & ~7
            self.engine.watch(address - self.ram_base)

    # State

    @property
    def ram(self) -> "np.ndarray":
        """uint8[memory]."""
        return self.engine.ram

    @property
    def pc(self) -> int:
        """Address of the next instruction of the first hart; setting it sets that of every hart."""
        return self.harts[0].pc

    @pc.setter
    def pc(self, value: int) -> None:
        for hart in self.harts:
            hart.pc = value

    @property
    def mode(self) -> int:
        """Privilege mode of the first hart: 0 U, 1 S, 3 M."""
        return self.harts[0].mode

    @mode.setter
    def mode(self, value: int) -> None:
        self.harts[0].mode = value

    @property
    def current(self) -> Hart:
        """The hart that runs, or ran last."""
        return self.harts[self._m.current]

    @property
    def cycle(self) -> int:
        """Instructions done by all harts since reset, retired or trapped."""
        return sum(h.cycle for h in self.engine.h)

    @property
    def instret(self) -> int:
        """Instructions retired by all harts since reset."""
        return sum(hart.instret for hart in self.harts)

    @property
    def trap_counts(self) -> dict[int, int]:
        """Traps taken by all harts, by mcause value."""
        counts = [sum(column) for column in zip(*(h.trap_counts for h in self.engine.h), strict=True)]
        exceptions = {cause: n for cause, n in enumerate(counts[:INTERRUPT_COUNTS]) if n}
        return exceptions | {INTERRUPT | code: n for code, n in enumerate(counts[INTERRUPT_COUNTS:]) if n}

    def _offset(self, address: int, length: int) -> int | None:
        offset = address - self.ram_base
        return offset if 0 <= offset and length >= 0 and offset + length <= len(self._ram) else None

    def read(self, address: int, length: int) -> bytes:
        """Bytes of RAM at a physical address. Raises MemoryRangeError outside RAM."""
        offset = self._offset(address, length)
        if offset is None:
            raise MemoryRangeError(f"[{address:#x}, {address + length:#x}) is not RAM")
        return self._ram[offset : offset + length].tobytes()

    def write(self, address: int, data: bytes) -> None:
        """Write RAM at a physical address and forget decoded instructions there. Raises MemoryRangeError."""
        offset = self._offset(address, len(data))
        if offset is None:
            raise MemoryRangeError(f"[{address:#x}, {address + len(data):#x}) is not RAM")
        self._ram[offset : offset + len(data)] = data
        self.engine.drop_code(offset, len(data))

    def digest(self) -> str:
        """SHA-256 (hex) of the registers, pc, mode, CSRs that hold a value, and all of RAM; not of counters."""
        return self.engine.digest()

    # Snapshots

    def snapshot(self) -> Snapshot:
        """The whole state as a value, which costs as much as the memory written since the last one.

        What changes outside of the machine is not part of it: the file of a drive that is written through, input that
        has not come yet. RAM has to be written by `write`, not through `ram`.
        """
        self._loop.work.finish()
        return self._saver.take()

    def present(self) -> Present:
        """The whole state with the memory itself, good until the machine goes on."""
        self._loop.work.finish()
        return self._saver.present()

    def restore(self, snapshot: Snapshot, again: bool = True, shared: bool = True) -> None:
        """Go to a state that this machine, or a fork of it, was in.

        again: whether what follows is printed even if it was printed before; shared: see `Saver.bring_back`.
        Raises SnapshotError, and changes nothing, for a state of another kind of machine.
        """
        self._loop.work.finish()
        self._saver.bring_back(snapshot, again, shared)

    def fork(self, snapshot: Snapshot | None = None, **options: Unpack[Options]) -> "Machine":
        """Another machine in the same state, or in one that this machine was in, which goes its own way.

        The two share memory until one of them writes to it. Devices and drives are copied, but for those of `on_mmio`,
        which both use; its console captures its output and has no input but what has come already.
        options: of `Machine`, where it differs: `stdout`, `stdin`, `console`, `engine`, `clock` can.
        Raises ValueError when there is a drive that is written through, or an option does not fit the state.
        """
        state = snapshot or self.snapshot()
        other = Machine(**(self._options | {"contents": state.memory} | options))
        if self.board is not None and other.board is not None:
            self.board.copy_devices(other.board)
        for base, size, device in self.bus.ranges[len(other.bus.ranges) :]:
            other.bus.add(base, size, device)
        other.symbols, other.host_traps, other.restart = dict(self.symbols), self.host_traps, self.restart
        other.ends_trap_loops, other.breakpoints = self.ends_trap_loops, self.breakpoints
        if self.htif is not None:
            other.htif = Htif(other, self.htif.tohost, self.htif.fromhost)
        if self.sbi is not None:
            other.sbi = self.sbi.on(other)
        for part in self.parts.values():
            part.copy_to(other)
        other.restore(state)
        return other

    # History

    def remember(self, memory: int = DEFAULT_MEMORY) -> History:
        """Keep the history from now on, for `back` and `run_back`; it is in `history`. Runs take 6 to 9 per cent more.

        memory: bytes that its checkpoints may take. Input then comes to the guest between two pieces of a run.
        """
        self.history = self.history or History(self, self._loop, memory)
        return self.history

    def back(self, count: int = 1) -> None:
        """Go back by so many instructions of all harts, at most to where the history begins."""
        self.remember().back(count)

    def run_back(self) -> Exit:
        """Go back to the last place before this one where a run stops, as at a breakpoint, or to the beginning."""
        return self.remember().run_back()

    # Running

    def on_trap(self, hook: TrapHook, causes: int = ALL_EXCEPTIONS) -> None:
        """Call hook(machine, cause, tval) before the guest takes an exception whose bit is set in `causes`."""
        self._exit_handler.trap_hooks.append((causes, partial(hook, self)))

    def on_mmio(self, base: int, size: int, device: Device) -> None:
        """Serve physical [base, base + size) from Python. Raises ValueError when it overlaps RAM or a device."""
        taken = [(self.ram_base, len(self._ram), "RAM")]
        if self.board is not None:
            taken.append((CLINT, CLINT_SIZE, "the CLINT"))
        for other, length, name in taken:
            if base < other + length and other < base + size:
                raise ValueError(f"device range {base:#x} overlaps {name} at {other:#x}")
        self.bus.add(base, size, device)
        if self.board is None:
            self._m.board = ONLY_DEVICES

    def trace_to(self, stream: TextIO | None) -> None:
        """Write a line per retired instruction in the form of Spike's commit log; None stops. Slow."""
        self._loop.trace_to(stream)

    def log_to(self, log: Log | None) -> None:
        """Let a log, such as a `vm.observe.event_log.EventLog`, have all events from now on; None stops."""
        self._loop.log_to(log)

    def step(self, count: int = 1) -> Exit:
        """Do `count` instructions, retired or trapped, or fewer if the guest stops; as `run` with that limit."""
        return self.run(max_instructions=count)

    def run(self, max_instructions: int | None = None, timeout: float | None = None) -> Exit:
        """Go on until the guest stops or a limit is reached; the `Exit` says which, and where.

        max_instructions: retired or trapped, of all harts together; timeout: seconds of wall clock, kept within some
        50 ms; None for no limit. Ctrl-C ends the run too, as an exit.
        """
        return self._loop.run(max_instructions, timeout)

    def begin(self, service: Iterator[None]) -> None:
        """Begin a service of the host, which yields where it may pause, and finish it before the harts go on."""
        self._loop.work.begin(service)

    def take_trap(self, cause: int, tval: int) -> None:
        """Let the hart that ran last take this exception at its pc, as the hardware would."""
        self._exit_handler.take_trap(cause, tval)

    def retire_trap(self, next_pc: int) -> None:
        """Go on at `next_pc` after the host has served a trap; the instruction counts as trapped, not retired."""
        h = self.engine.h[self._m.current]
        h.pc, h.cycle, h.unretired = next_pc & 0xFFFFFFFF, h.cycle + 1, h.unretired + 1

    def advance_time(self, ticks: int) -> None:
        """Let `ticks` of 100 ns pass without executing anything."""
        self._m.time_base = as_field(self._m.time_base + ticks)
        for h in self.engine.h:
            update_time(h, self._m)

    def instruction_word(self) -> int | None:
        """The word at the pc of the hart that ran last, None if it cannot be fetched."""
        return self._exit_handler.instruction_word()
