"""Runs guests for a debugger, who may come, interrupt them, ask, and go.

They run in pieces; between two of them the debugger is looked at. So they compute what they would without one.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType

from trapline.vm.exit import Exit, ExitReason
from trapline.vm.experiments.guests import Guest
from trapline.vm.gdb.actions import Action, Back, BackToStop, Detach, Go, Kill, Step
from trapline.vm.gdb.connection import Connection, ConnectionLost, Listener, readable
from trapline.vm.gdb.inferior import Inferior
from trapline.vm.gdb.packets import Kind
from trapline.vm.gdb.runner import Runner, Stopped
from trapline.vm.gdb.stub import Stub
from trapline.vm.history.history import DEFAULT_MEMORY

WAIT = 0.05
"""Seconds between two looks at the keyboard while the guests stand still."""
STUCK = (ExitReason.TRAP_LOOP, ExitReason.ENDLESS_LOOP, ExitReason.IDLE)
"""Ends of a run after which a debugger wants to look around."""
STOPS = (ExitReason.BREAKPOINT, ExitReason.WATCHPOINT, ExitReason.CATCH, ExitReason.BEGIN)
FOR_ALL = (ExitReason.INTERRUPTED, ExitReason.QUIT)
"""Ends that are those of all guests."""

Running = Go | Step | Back | BackToStop
OnEnd = Callable[[Guest], int]
"""Called when a guest has ended; answers its exit status."""


class Session:
    """Guests and their debugger.

    report: prints a line for the person at the terminal. waits: whether the guests stand still until a debugger has
    come and let them go. reversible: whether their histories are kept.
    """

    def __init__(
        self,
        guests: Sequence[Guest],
        listener: Listener,
        report: Callable[[str], None],
        waits: bool,
        reversible: bool = True,
    ) -> None:
        self._listener, self._report = listener, report
        self._waits = waits
        self._reversible = reversible
        self._connection: Connection | None = None
        self._stub: Stub | None = None
        self._just_came = self._is_awaited = False
        self._on_end: OnEnd | None = None
        # Now: what they hold takes longer to make than gdb waits for its first answer.
        self._inferiors = [Inferior(number, guest) for number, guest in enumerate(guests, 1)]
        self._runner = Runner(self._interrupted, self._look)
        if reversible:
            for inferior in self._inferiors:
                memory = DEFAULT_MEMORY // len(self._inferiors)
                inferior.machine.remember(memory).attend = partial(self._runner.attend, inferior)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()
        self._listener.close()

    def run(self, max_instructions: int | None = None, timeout: float | None = None) -> Exit:
        """As `Machine.run`, of one guest. timeout: the time in which it stands still counts."""
        (inferior,) = self._inferiors
        guest, machine = inferior.guest, inferior.machine
        guest.max_instructions = None if max_instructions is None else machine.cycle + max_instructions
        self._run(timeout)
        assert guest.end is not None
        return guest.end

    def run_all(self, timeout: float | None, on_end: OnEnd) -> None:
        """As `vm.experiments.guests.run_guests`. timeout: as of `run`."""
        self._on_end = on_end
        self._run(timeout)

    def end(self, status: int, signal: int = 0) -> None:
        """Tell the debugger that the guest of `run` has ended. signal: what killed a process."""
        try:
            if self._connection is not None and self._stub is not None:
                self._connection.send(self._stub.ended(self._inferiors[0], status, signal))
        except ConnectionLost:
            pass

    def _run(self, timeout: float | None) -> None:
        """Run until all guests have ended."""
        for inferior in self._inferiors:
            inferior.guest.end = None
        self._runner.deadline = None if timeout is None else time.monotonic() + timeout
        self._listener.listen()
        self._report(f"waiting for gdb at {self._listener.place}" if self._waits else f"gdb: {self._listener.place}")
        action: Action | None = None if self._waits else Go()
        try:
            while self._alive:
                try:
                    action = self._converse() if action is None else self._do(action)
                except ConnectionLost:
                    if self._is_debugging or not self._alive:
                        self._report("gdb is gone; the guest goes on")
                    self._hang_up()
                    action = Go()
        except KeyboardInterrupt:
            self._end_all(ExitReason.INTERRUPTED)

    @property
    def _alive(self) -> list[Inferior]:
        return [inferior for inferior in self._inferiors if inferior.is_alive]

    @property
    def _is_debugging(self) -> bool:
        """Whether a debugger is there, and debugs one of the guests."""
        return self._connection is not None and any(inferior.attached for inferior in self._alive)

    # Ends

    def _end(self, inferior: Inferior, exit: Exit) -> None:
        """A guest has ended. Raises ConnectionLost."""
        inferior.guest.end = exit
        was_attached, inferior.attached = inferior.attached, False
        if self._on_end is None:
            return
        status = self._on_end(inferior.guest)
        if was_attached and self._is_awaited and self._connection is not None and self._stub is not None:
            self._is_awaited = False
            self._connection.send(self._stub.ended(inferior, status))

    def _end_all(self, reason: ExitReason) -> None:
        for inferior in self._alive:
            try:
                self._end(inferior, Exit(reason, inferior.machine.current.pc))
            except ConnectionLost:
                self._hang_up()

    # While the guests stand still

    def _converse(self) -> Action | None:
        """Answer packets until one says what to do."""
        while True:
            self._just_came = False
            answered = self._answer()
            if answered is not None:
                return answered
            if self._connection is not None and not self._is_debugging:
                return Go()
            if any(inferior.machine.console.attend() for inferior in self._alive):
                self._end_all(ExitReason.QUIT)
                return None
            if self._runner.is_late:
                self._end_all(ExitReason.TIMEOUT)
                return None
            self._look(WAIT)

    def _answer(self) -> Action | None:
        """Answer the packets that have come, until one says what to do."""
        connection, stub = self._connection, self._stub
        if connection is None or stub is None:
            return None
        for arrival in connection.arrivals():
            if arrival.kind is not Kind.PACKET:
                continue  # it is interrupted already
            answer = stub.answer(arrival.data)
            for packet in answer.packets:
                connection.send(packet)
            connection.acknowledges = stub.acknowledges
            if answer.action is not None:
                return answer.action
        return None

    def _look(self, seconds: float) -> None:
        """Let come what comes within so many seconds."""
        connection = self._connection
        places = [self._listener] if connection is None else [self._listener, connection]
        ready = readable(*places, seconds=seconds)
        if self._listener in ready and (came := self._listener.accept()) is not None:
            if connection is not None:
                came.close()  # one debugger at a time
            else:
                self._connection, self._stub = came, Stub(self._inferiors, self._reversible)
                self._just_came = True
        if connection is not None and connection in ready:
            connection.receive()

    def _hang_up(self) -> None:
        if self._stub is not None:
            self._stub.leave()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._stub = None
        self._is_awaited = False

    # While they run

    def _do(self, action: Action) -> Action | None:
        """Do what the debugger wants: what to do next, or None where the guests stand still."""
        if isinstance(action, Kill | Detach):
            return self._part(action)
        running = self._running(action)
        if not running:
            return None
        self._is_awaited = self._is_debugging
        for inferior in running:
            inferior.settle()
        stopped = self._let_run(action, running)
        inferior, exit = stopped.inferior, stopped.exit
        if inferior.machine.history is not None:
            inferior.machine.history.renew()
        if exit is None or exit.reason in STOPS or stopped.is_done:
            self._say_stopped(stopped)
            return None
        if exit.reason in STUCK and self._connection is not None and inferior.attached:
            for packet in Stub.printed(f"trapline: {exit}\n"):
                self._connection.send(packet)
            self._say_stopped(stopped)
            return None
        if exit.reason in FOR_ALL or (exit.reason is ExitReason.TIMEOUT and self._runner.is_late):
            self._end_all(exit.reason)
            return None
        was_attached = inferior.attached
        self._end(inferior, exit)
        return None if was_attached and self._connection is not None else action

    def _part(self, action: Kill | Detach) -> Action | None:
        """Do without a debugger, or without guests."""
        for inferior in self._alive:
            if action.process not in (None, inferior.number):
                continue
            if isinstance(action, Kill):
                self._end(inferior, Exit(ExitReason.KILLED, inferior.machine.current.pc))
            else:
                inferior.detach()
        if isinstance(action, Detach):
            self._report("gdb has detached; the guest goes on")
        return None

    def _running(self, action: Running) -> list[Inferior]:
        """The guests that run: those that are meant, and those that no one debugs."""
        alive = self._alive
        if self._connection is None:
            return alive
        if isinstance(action, Back | BackToStop):
            return [inferior for inferior in alive if inferior.number == action.process]
        meant = action.processes if isinstance(action, Go) else action.processes | {action.process}
        return [i for i in alive if not i.attached or meant is None or i.number in meant]

    def _let_run(self, action: Running, running: list[Inferior]) -> Stopped:
        if isinstance(action, BackToStop):
            return self._runner.back_to_stop(running[0])
        if isinstance(action, Back):
            return self._runner.back(action, running[0])
        if isinstance(action, Step):
            (inferior,) = (i for i in running if i.number == action.process)
            return self._runner.step(action, inferior, [i for i in running if i is not inferior])
        return self._runner.go(running)

    def _say_stopped(self, stopped: Stopped) -> None:
        if self._connection is not None and self._stub is not None and stopped.inferior.attached:
            reply = self._stub.stopped(stopped.inferior, stopped.exit, stopped.hart)
            if self._is_awaited and not self._just_came:  # who just came is going to ask
                self._connection.send(reply)
        self._just_came = self._is_awaited = False

    def _interrupted(self) -> bool:
        """Whether the debugger has come, or wants the guests to stand still; as for QEMU, each packet says so."""
        self._look(0)
        connection = self._connection
        if self._just_came:
            self._report("gdb has come")
            return True
        if connection is None:
            return False
        for arrival in connection.arrivals():
            if arrival.kind is Kind.PACKET:
                connection.put_back(arrival)
            return True
        return False
