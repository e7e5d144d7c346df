"""Runs a user program in U mode, with the host as its operating system."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict, Unpack, overload

from trapline.isa.cause import ALL_EXCEPTIONS, BREAKPOINT, ECALL_U
from trapline.isa.hart import A0, A7
from trapline.isa.machine_csrs import CY, IR, TM
from trapline.isa.mode import U
from trapline.isa.mstatus import TW
from trapline.vm.loader.compressed import check_compressed
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.image import EXECUTE, Image, LoadError
from trapline.vm.loader.source import load_file, load_source
from trapline.vm.machine import Announce, Exit, ExitReason, Machine
from trapline.vm.process import faults, files, mappings, process_calls, semihosting
from trapline.vm.process.errno import ENOSYS, SIGILL, SIGINT, SIGPIPE, SystemCallError
from trapline.vm.process.foreign_calls import ON_FOLDERS, ForeignCalls
from trapline.vm.process.result import Reason, Result
from trapline.vm.process.saved_state import PART, ProcessPart
from trapline.vm.process.space import AddressSpace, Layout
from trapline.vm.process.stack import initial_stack
from trapline.vm.process.streams import ATTENTION, Input, Output, OutputLimit, Quota, TimedOut, look
from trapline.vm.process.system_calls import TABLE, name_of
from trapline.vm.snapshot.snapshot import Snapshot

if TYPE_CHECKING:
    from trapline.vm.snapshot.pages import SavedMemory

_SERVICES = (files, mappings, process_calls)  # importing them registers their system calls

_TICK = 100  # nanoseconds
_SECOND = 1_000_000_000
_LAST_TICK = 1 << 56
_PATIENCE = 0.5  # seconds to wait for a reader of the last message
LIMIT_STATUS = 124
MachineRun = Callable[[int | None, float | None], Exit]
"""As `Machine.run`, with its limits."""
STOPS = (
    ExitReason.LIMIT, ExitReason.BREAKPOINT, ExitReason.WATCHPOINT, ExitReason.CATCH, ExitReason.INTERRUPTED,
)  # fmt: skip
"""Ends of a run that are none of the process."""


class _Ended(Exception):
    """Raised to end the process while serving it."""

    def __init__(self, reason: Reason, exit_code: int, signal: int = 0, message: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.exit_code, self.signal, self.message = reason, exit_code, signal, message


class Options(TypedDict, total=False):
    """Keyword arguments of `Process`, which its other constructors take too."""

    env: Mapping[str, str] | Sequence[str | bytes]
    memory: int
    stdin: BinaryIO | None
    stdout: BinaryIO | None
    stderr: BinaryIO | None
    isa: str
    engine: str | None
    clock: str
    max_instructions: int | None
    timeout: float | None
    max_output: int | None
    seed: int
    announce: Announce | None
    contents: "SavedMemory | None"


class Process:
    """A user program, ready to run: once, by `run`.

    >>> Process.from_source("_start: li a0, 3; li a7, 93; ecall").run().exit_code
    3

    image: the program; `from_file`, `from_elf` and `from_source` load one.
    argv: begins with the program's name; env: a mapping, or `NAME=value` strings; the host's is not added.
    memory: bytes for segments, heap, mappings and stack together.
    stdin, stdout, stderr: binary streams; None for empty input and for output to discard.
    isa, engine, clock, announce: as for `Machine`.
    max_instructions: executed; timeout: in seconds; max_output: bytes on both outputs.
    seed: for the random bytes that the system gives the process.
    contents: of all memory, from a snapshot; such a process is then to go to that snapshot.

    Attributes: `machine`, the `Machine` that runs it, for traces and for inspection afterwards; `image`; `argv`;
    `options` those of the machine.
    Raises LoadError if the program and its arguments do not fit into the memory, and for compressed instructions that
    the machine does not have.
    """

    def __init__(
        self,
        image: Image,
        argv: Sequence[str | bytes] = (),
        env: Mapping[str, str] | Sequence[str | bytes] = (),
        *,
        memory: int = 128 << 20,
        stdin: BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        isa: str = "rv32ima",
        engine: str | None = None,
        clock: str = "instructions",
        max_instructions: int | None = None,
        timeout: float | None = None,
        max_output: int | None = None,
        seed: int = 0,
        announce: Announce | None = None,
        contents: "SavedMemory | None" = None,
    ) -> None:
        segment = image.segment_at(image.entry)
        if segment is None or not segment.flags & EXECUTE:
            raise LoadError(f"{image.name}: entry point {image.entry:#010x} is not in an executable segment")
        layout = Layout(image, memory)
        self.image = image
        self.options = Options(memory=memory, isa=isa, engine=engine, clock=clock)
        self.random = random.Random(seed)
        room = (layout.stack_top - layout.stack_bottom) // 4
        sp, stack = initial_stack(image, argv, env, self.random.randbytes(16), layout.stack_top, room)
        try:
            self.machine = Machine(
                memory=layout.ram, ram_base=layout.base, isa=isa, engine=engine, clock=clock, board=False,
                announce=announce, contents=contents,
            )  # fmt: skip
        except MemoryError:
            raise LoadError(
                f"{image.name}: this host cannot allocate {layout.size >> 20} MiB; use less --memory"
            ) from None
        check_compressed(image, self.machine.isa)
        self._h = self.machine.harts[0].h  # the only one
        self.machine.symbols = dict(image.symbols)
        self.deadline: float | None = None
        self.space = AddressSpace(self.machine, layout, lambda: look(self.deadline))
        if contents is None:
            self.space.load(image)
            self.space.write(sp, stack)
        self._enter(sp)
        self._quota = Quota(max_output)
        self._stderr = Output(stderr, self._quota)
        self.stdout = Output(stdout, self._quota)
        self.standard: list[Input | Output] = [Input(stdin), self.stdout, self._stderr]
        self.files: dict[int, Input | Output] = dict(enumerate(self.standard))
        self.argv: list[str | bytes] = list(argv)
        self.actions: dict[int, bytes] = {}
        self.signal_mask = 0
        self.foreign = ForeignCalls()
        self.semihosting_errno = 0
        self._max_instructions, self._timeout = max_instructions, timeout
        self.counts: Counter[int | str] = Counter()
        self._running = False
        self.machine.parts[PART] = ProcessPart(self)
        self.machine.on_trap(self._trapped)

    @classmethod
    def from_file(cls, path: str | Path, argv: Sequence[str | bytes] = (), **options: Unpack[Options]) -> "Process":
        """A process of an ELF or of an assembly source. Raises LoadError, and `asm.AsmError` for a source."""
        return cls(load_file(path, isa=options.get("isa", "rv32ima")), argv or [str(path)], **options)

    @classmethod
    def from_elf(cls, data: bytes, argv: Sequence[str | bytes] = ("program",), **options: Unpack[Options]) -> "Process":
        """A process of the bytes of an ELF. Raises LoadError."""
        return cls(load_elf(data), argv, **options)

    @classmethod
    def from_source(
        cls, text: str, argv: Sequence[str | bytes] = ("program",), **options: Unpack[Options]
    ) -> "Process":
        """A process of assembly text, which begins at `_start`. Raises LoadError and `asm.AsmError`."""
        return cls(load_source(text, isa=options.get("isa", "rv32ima")), argv, **options)

    def fork(self, snapshot: Snapshot | None = None, **options: Unpack[Options]) -> "Process":
        """Another process in the same state, or in one that this process's machine was in, which goes its own way.

        The two share memory until one of them writes to it. It reads again what this one has read since; then its own
        input, which is empty unless `options` has some. Its output is discarded, or goes where `options` says.
        options: but those of the machine, of which only `engine` and `clock` may differ. Raises ValueError for others.
        """
        if options.keys() & {"memory", "isa", "contents"}:
            raise ValueError("a fork has the memory and the instructions of its process")
        state = snapshot or self.machine.snapshot()
        other = Process(self.image, self.argv, **(self.options | options | {"contents": state.memory}))
        for own, copy in zip(self.standard, other.standard, strict=True):
            if isinstance(own, Input) and isinstance(copy, Input):
                copy.follow(own.log or (), own.first)
        other.machine.restore(state)
        return other

    def _enter(self, sp: int) -> None:
        machine = self.machine
        machine.csr["mcounteren"] = machine.csr["scounteren"] = CY | TM | IR
        machine.csr["mstatus"] = TW  # a process has nothing to wait for with wfi
        machine.host_traps = ALL_EXCEPTIONS
        machine.x["sp"] = sp
        machine.pc = self.image.entry
        machine.mode = U

    # --- running -------------------------------------------------------------------------------------

    def run(self, machine_run: MachineRun | None = None) -> Result:
        """Run until the guest exits or reaches a limit; how it ended.

        A fault or a limit is reported in one line on the guest's stderr.
        machine_run: what a debugger has in the place of the machine's `run`.
        """
        begin = time.monotonic()
        self.deadline = None if self._timeout is None else begin + self._timeout
        self._running = True
        try:
            return self._ended(self._advance(self._max_instructions, self._timeout, run=machine_run), begin)
        finally:
            self._running = False

    def resume(self, max_instructions: int | None = None) -> Exit | Result:
        """Go on, and come back where the machine stops: after so many instructions, or as at a breakpoint.

        So a debugger runs a process; in between it may use `machine` as that of a kernel, and go back in its history.
        """
        begin = time.monotonic()
        self._running = True
        done = self._advance(max_instructions, None, stops=True)
        return done if isinstance(done, Exit) else self._ended(done, begin)

    @overload
    def _advance(self, limit: int | None, timeout: float | None, *, run: MachineRun | None) -> _Ended: ...
    @overload
    def _advance(self, limit: int | None, timeout: float | None, *, stops: bool) -> _Ended | Exit: ...

    def _advance(
        self, limit: int | None, timeout: float | None, *, stops: bool = False, run: MachineRun | None = None
    ) -> _Ended | Exit:
        """Let the machine run: how the process ended. stops: or how the machine has stopped while it has not."""
        try:
            exit = (run or self.machine.run)(limit, timeout)
            return exit if stops and exit.reason in STOPS else self._stopped(exit)
        except _Ended as end:
            return end
        except TimedOut:
            return self._timed_out()
        except OutputLimit:
            return _Ended(Reason.OUTPUT, LIMIT_STATUS, message="output limit reached")
        except KeyboardInterrupt:
            return _Ended(Reason.INTERRUPTED, 128 + SIGINT, SIGINT)

    def _ended(self, ended: _Ended, begin: float) -> Result:
        message = ended.message and f"trapline: {ended.message}"
        if message:
            self._report(message)
        return Result(
            ended.exit_code,
            ended.reason,
            ended.signal,
            message,
            self.machine.pc,
            self.machine.instret,
            time.monotonic() - begin,
            self.system_calls,
        )

    def _trapped(self, _machine: Machine, cause: int, tval: int) -> bool:
        """Serve a trap of the guest in the middle of a run, or where its history is done again."""
        if not self._running and self.machine.history is None:
            return False
        if cause == ECALL_U:
            self.serve()
        elif cause == BREAKPOINT and semihosting.is_call(self):
            semihosting.serve(self)
        else:
            self._fault(cause, tval)
        return True

    def _stopped(self, exit: Exit) -> _Ended:
        """Why the machine has come back without a word of the guest."""
        if exit.reason is ExitReason.LIMIT:
            limit = f"instruction limit of {self._max_instructions} reached at {self._place(exit.pc)}"
            return _Ended(Reason.INSTRUCTIONS, LIMIT_STATUS, message=limit)
        if exit.reason is ExitReason.TIMEOUT:
            return self._timed_out()
        if exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        if exit.reason is ExitReason.KILLED:
            return _Ended(Reason.KILLED, 0)
        return _Ended(Reason.SIGNAL, 128 + SIGILL, SIGILL, f"{exit.reason.value} at {self._place(exit.pc)}")

    def serve(self) -> None:
        """Serve the system call in the registers and resume after the `ecall`."""
        h = self._h
        x = h.x
        number = x[A7]
        call = TABLE.get(number)
        self.counts[name_of(number) if call is None else number] += 1
        if (call is None or number in ON_FOLDERS) and (
            remark := self.foreign.remark(number, x[A0], TABLE, self._place(h.pc))
        ):
            self._report(f"trapline: {remark}")
        try:
            result = -ENOSYS if call is None else call.serve(self, *call.arguments(x))
        except SystemCallError as error:
            result = -error.number
        x[A0] = result & 0xFFFFFFFF
        self.machine.retire_trap(h.pc + 4)

    def limit_output(self, most: int) -> None:
        """Let it print so many bytes more."""
        self._quota.left = most + sum(stream.torn for stream in self.standard if isinstance(stream, Output))

    def exit(self, status: int) -> None:
        """End the process with this status."""
        raise _Ended(Reason.EXIT, status)

    def signal(self, number: int) -> None:
        """The process sends itself a signal, which ends it unless it is ignored.

        Handlers of the guest are never called: a signal with a handler ends the process too.
        """
        if not process_calls.ignores(self, number):
            quiet = number in (SIGPIPE, SIGINT)
            message = None if quiet else f"killed by signal {number} at {self._place(self.machine.pc)}"
            raise _Ended(Reason.SIGNAL, 128 + number, number, message)

    # --- time and statistics -----------------------------------------------------------------------

    @property
    def nanoseconds(self) -> int:
        """Time since the start by the machine's clock: a tick of 100 ns per hundred instructions, or the wall's."""
        self._follow()
        return self._ticks * _TICK

    def _follow(self) -> None:
        """Let the time catch up with the wall's, if it follows that; as it did then, where the history is repeated."""
        history = self.machine.history
        if history is None:
            self.machine.clock.follow()
        else:
            history.outside.look()

    @property
    def _ticks(self) -> int:
        return self.machine.csr["time"] | self.machine.csr["timeh"] << 32

    def pass_time(self, nanoseconds: int) -> None:
        """Advance the time without waiting, unless it is the wall's; never backwards, and at most some centuries."""
        if nanoseconds > 0 and self.machine.clock.wall:
            history = self.machine.history
            end = time.monotonic() + (0 if history and history.outside.in_the_past else nanoseconds / _SECOND)
            # Until the limit, which ends the process then.
            while (left := min(end, self.deadline or end) - time.monotonic()) > 0:
                time.sleep(min(left, ATTENTION))
            self._follow()
        elif nanoseconds > 0:
            self.machine.advance_time(min(-(-nanoseconds // _TICK), max(0, _LAST_TICK - self._ticks)))

    def count(self, name: str) -> None:
        """Count a call to a service without a system call number."""
        self.counts[name] += 1

    @property
    def system_calls(self) -> dict[str, int]:
        """System calls so far: number of calls by name, the most frequent first."""
        named: Counter[str] = Counter()
        for key, count in self.counts.items():
            named[name_of(key) if isinstance(key, int) else key] += count
        return dict(named.most_common())

    # --- messages ----------------------------------------------------------------------------------

    def _place(self, pc: int) -> str:
        return f"pc {self.image.place(pc)}"

    def _timed_out(self) -> _Ended:
        limit = f"time limit of {self._timeout:g} s reached at {self._place(self.machine.pc)}"
        return _Ended(Reason.TIMEOUT, LIMIT_STATUS, message=limit)

    def _fault(self, cause: int, tval: int) -> None:
        number, message = faults.describe(self.machine, self.image, self.space.layout, cause, tval)
        raise _Ended(Reason.SIGNAL, 128 + number, number, message)

    def _report(self, message: str) -> None:
        try:
            line = message.encode(errors="backslashreplace") + b"\n"
            self._stderr.put_all(line, time.monotonic() + _PATIENCE)
        except (SystemCallError, TimedOut):
            pass  # stderr is closed; the exit status says the same
