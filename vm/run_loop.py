"""The loop of `Machine.run`: looks at limits, clock and terminal, lets the harts run, and serves the exits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from trapline.isa.cause import ECALL_S
from trapline.vm.board.board import Board
from trapline.vm.board.devices import Halt
from trapline.vm.board.htif import Htif
from trapline.vm.core.event_log import LOG_ALL
from trapline.vm.core.status import LIMIT
from trapline.vm.engine import Engine
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.exits.clock import Clock
from trapline.vm.exits.exit_handler import ExitHandler
from trapline.vm.exits.host_work import HostWork
from trapline.vm.exits.served_machine import ServedMachine
from trapline.vm.host.console import OutputLimit
from trapline.vm.host.signals import held
from trapline.vm.registers import Hart
from trapline.vm.stops.stops import Stops
from trapline.vm.trace import Trace


class RunMachine(ServedMachine, Protocol):
    """The machine that runs (`vm.machine.Machine`)."""

    @property
    def stops(self) -> Stops: ...
    @property
    def restart(self) -> Callable[[Any], None] | None: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def board(self) -> Board | None: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def htif(self) -> Htif | None: ...
    @property
    def current(self) -> Hart: ...
    @property
    def cycle(self) -> int: ...


class Stepper(Protocol):
    """What logs each instruction (`vm.trace.Trace`)."""

    def before(self) -> None:
        """Before an instruction; a pending interrupt has been taken already."""

    def after(self) -> None:
        """After it."""


class Log(Stepper, Protocol):
    """A log of events (`vm.observe.event_log`). noted: what the engine is to note; steps: whether to take single steps.

    It empties the engine's ring with `drain`.
    """

    noted: int
    steps: bool

    def drain(self) -> None:
        """Take what has been noted."""


class RunLoop:
    """Runs one machine.

    trace: where each instruction is logged, which takes single steps. work: what the harts wait for. log: of events.
    """

    def __init__(self, machine: RunMachine, exit_handler: ExitHandler) -> None:
        self._machine = machine
        self._exit_handler = exit_handler
        self.trace: Stepper | None = None
        self.log: Log | None = None
        self.work = HostWork(machine)

    def trace_to(self, stream: TextIO | None) -> None:
        """See `Machine.trace_to`."""
        self.trace = None if stream is None else Trace(self._machine, stream)

    def log_to(self, log: Log | None) -> None:
        """See `Machine.log_to`."""
        self.log = log
        self.trace = log if log is not None and log.steps else None
        if log is None:
            self._note(0)
        self._choose_engine()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """A context in which a run ends only at its limit or by the guest, and reports nothing: it repeats another."""
        machine, ring = self._machine, self._machine.engine.ring
        kept = machine.ends_trap_loops, self.trace, self.log, None if ring is None else ring.sinks
        machine.ends_trap_loops, self.trace, self.log = False, None, None
        stops = machine.stops.exchange([])
        if ring is not None:
            ring.sinks = []
        try:
            yield
        finally:
            machine.ends_trap_loops, self.trace, self.log, sinks = kept
            machine.stops.exchange(stops)
            if ring is not None and sinks is not None:
                ring.sinks = sinks

    def stop_here(self) -> Exit | None:
        """How a run that comes to this place stops here, as at a breakpoint; None if it does not."""
        return self._machine.stops.stop_here()

    def run(self, max_instructions: int | None, timeout: float | None) -> Exit:
        """See `Machine.run`."""
        machine = self._machine
        end = None if max_instructions is None else machine.cycle + max_instructions
        deadline = None if timeout is None else time.monotonic() + timeout
        exit = self._run_to_reset(end, deadline, False)
        while exit.reset and machine.restart is not None:
            with held():
                self._exit_handler.restart(machine.restart)
            exit = self._run_to_reset(end, deadline, True)
        return exit

    def _run_to_reset(self, end: int | None, deadline: float | None, moved: bool) -> Exit:
        """Run until the guest stops or resets the machine. moved: whether a breakpoint at pc is one that is reached."""
        machine = self._machine
        machine.engine.m.host_traps = self._host_traps()
        machine.engine.m.console_calls = int(self._engine_prints())
        self._note(0 if self.log is None else self.log.noted)
        machine.stops.begin(moved)
        self._choose_engine()
        try:
            exit = self._run(end, deadline)
        except KeyboardInterrupt:
            exit = self._exit(ExitReason.INTERRUPTED)
        except OutputLimit:
            exit = self._exit(ExitReason.OUTPUT)
        except Halt as halt:
            exit = Exit(ExitReason.HALT, machine.current.pc, code=halt.code, reset=halt.reset)
        finally:
            machine.stops.end()
            self._exit_handler.finish()
            self._note(0)
            if self.log is not None:
                self.log.drain()
        return self.work.deliver(exit, deadline)

    def _choose_engine(self) -> None:
        """Let the engine that knows stops and logs run only while there are some: the other one is faster."""
        self._machine.engine.look_at_stops(len(self._machine.stops) > 0 or self.log is not None)

    def _note(self, events: int) -> None:
        """Let the engine note these events (`vm.core.event_log`)."""
        m = self._machine.engine.m
        m.stops = m.stops & ~LOG_ALL | events

    def _run(self, end: int | None, deadline: float | None) -> Exit:
        """Let harts and host go on until an exit. end: of all steps; deadline: of `time.monotonic`."""
        # A guest may come here a million times a second: with a system call, say. So what is rare costs no call.
        machine = self._machine
        attended = machine.clock.start()
        exit: Exit | None = None
        while True:
            busy = self.work.advance()
            if not busy:
                if exit is not None:
                    return exit
                if end is not None and machine.cycle >= end:
                    limit = self._exit(ExitReason.LIMIT)
                    return machine.stops.at_limit() or limit
            if deadline is not None and time.monotonic() >= deadline:
                return self._exit(ExitReason.TIMEOUT)
            budget = machine.engine.kind.steps_per_look >> (2 * attended)  # a quarter where a person types
            if self.trace is not None:
                budget = 1
            if end is not None:
                budget = min(budget, end - machine.cycle)
            if machine.htif is not None:
                budget = machine.htif.limit(budget)
            if machine.history is None and attended:
                machine.clock.follow()
                machine.console.look()
            elif machine.history is not None and not busy:
                machine.history.look()
                budget = machine.history.limit(budget)
            if attended and machine.console.quit:
                return self._exit(ExitReason.QUIT)
            if not busy:
                exit = self._slice(budget)
                if machine.htif is not None:
                    machine.htif.serve(at_once=exit is not None)

    def _host_traps(self) -> int:
        """The exceptions at which the engine comes back, as bits."""
        machine = self._machine
        traps = machine.host_traps
        for causes, _ in self._exit_handler.trap_hooks:
            traps |= causes
        return traps if machine.sbi is None else traps | 1 << ECALL_S

    def _engine_prints(self) -> bool:
        """Whether the engine may serve calls of the SBI that print: nobody else looks at an ecall."""
        machine = self._machine
        looked_at = machine.host_traps
        for causes, _ in self._exit_handler.trap_hooks:
            looked_at |= causes
        return machine.sbi is not None and machine.board is not None and not (looked_at >> ECALL_S) & 1

    def _exit(self, reason: ExitReason) -> Exit:
        return Exit(reason, self._machine.current.pc)

    def _slice(self, budget: int) -> Exit | None:
        machine, handler = self._machine, self._exit_handler
        if machine.board is not None or machine.bus.ranges or machine.console.held_since is not None:
            handler.prepare()
        stops = machine.stops
        if self.trace is not None or stops.passing:
            if (idle := machine.engine.run(0)) != LIMIT:
                return handler.served(idle)
            # The step would take the interrupt and execute the handler's first instruction in one go.
            mode = machine.current.mode
            cause = handler.take_interrupt()
            if cause is not None and (stop := stops.interrupted(cause, mode)) is not None:
                return stop
        if self.trace is not None:
            self.trace.before()
        try:
            stopping = len(stops) > 0 or machine.engine.m.stops != 0
            status = stops.run(budget) if stopping else machine.engine.run(budget)
            if machine.engine.ring is None:
                exit = handler.served(status)
                return stops.served(status) if stopping and exit is None else exit
            with machine.engine.ring.completed(status):
                exit = handler.served(status)
            self.work.completing(status)
            return stops.served(status) if stopping and exit is None else exit
        finally:
            if self.trace is not None:
                machine.console.flush()
                self.trace.after()
            if self.log is not None:
                self.log.drain()
