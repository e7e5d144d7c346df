"""A machine's whole state as a value, taken between two instructions."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from trapline.vm.board.board import Board, BoardState
from trapline.vm.board.htif import Htif, HtifState
from trapline.vm.engine import Engine
from trapline.vm.exits.exit_handler import ExitHandler
from trapline.vm.host.console import Console, ConsoleState
from trapline.vm.state import State

if TYPE_CHECKING:  # a run without a snapshot does not wait for numpy
    from trapline.vm.snapshot.pages import PageHistory, PresentMemory, SavedMemory  # noqa: F401
    from trapline.vm.snapshot.records import SavedRecords


class SnapshotError(ValueError):
    """A state that a machine cannot go back to."""


class Part(Protocol):
    """Something that is attached to a machine and has a state.

    again: see `vm.host.console.Console.restore`.
    """

    def save(self) -> State:
        """See `vm.state.Stateful`."""

    def restore(self, state: Any, again: bool = True) -> None:
        """See `vm.state.Stateful`."""

    def copy_to(self, machine: Any) -> None:
        """Attach the same to another machine. Raises ValueError where that is not possible."""


class SavedMachine(Protocol):
    """What is saved (`vm.machine.Machine`). parts: what else has a state, by name."""

    engine: Engine
    board: Board | None
    console: Console
    htif: Htif | None
    parts: dict[str, "Part"]
    resets: int

    @property
    def cycle(self) -> int: ...


M_co = TypeVar("M_co", covariant=True)


@dataclass(frozen=True)
class MachineState(Generic[M_co]):
    """A machine's state.

    cycle: instructions that all harts had done; resets: times that the guest had reset the machine; parts: the states
    of `SavedMachine.parts`.
    """

    cycle: int
    resets: int
    memory: M_co
    records: "SavedRecords"
    console: ConsoleState
    board: BoardState | None
    htif: HtifState | None
    parts: Mapping[str, State]


Snapshot = MachineState["SavedMemory"]
"""It never changes, and shares with others of the same machine what is equal in both."""
Present = MachineState["PresentMemory"]
"""Good until the machine goes on; its memory is the machine's own."""


class Saver:
    """Takes the snapshots of one machine and brings them back.

    base: the memory that the machine was made with; None for zeros.
    """

    def __init__(self, machine: SavedMachine, handler: ExitHandler, base: "SavedMemory | None" = None) -> None:
        self._machine, self._handler, self._base = machine, handler, base
        if base is not None:
            _ = self._history  # it is to notice every store from now on

    @cached_property
    def _history(self) -> "PageHistory":
        from trapline.vm.snapshot.pages import PageHistory

        return PageHistory(self._machine.engine, self._base)

    def take(self) -> Snapshot:
        """The state now. It costs as much as the memory that was written since the last one."""
        p = self.present()
        memory = self._history.save()
        self._history.mark(p.records.writable_pages())
        return Snapshot(p.cycle, p.resets, memory, p.records, p.console, p.board, p.htif, p.parts)

    def present(self) -> Present:
        """The state now, with the memory itself instead of a copy."""
        from trapline.vm.snapshot.pages import PresentMemory
        from trapline.vm.snapshot.records import SavedRecords

        machine = self._machine
        board = None if machine.board is None else machine.board.save()  # a busy device finishes its work first
        htif = None if machine.htif is None else machine.htif.save()
        parts = {name: part.save() for name, part in machine.parts.items()}
        records, memory = SavedRecords.of(machine.engine), PresentMemory(machine.engine)
        console = machine.console.save()
        return Present(machine.cycle, machine.resets, memory, records, console, board, htif, parts)

    def bring_back(self, snapshot: Snapshot, again: bool, shared: bool) -> None:
        """Go to a state of this machine or of one that is made alike. again: see `Console.restore`.

        shared: whether the next state shares memory with this one, whose pages are kept for that beside the machine's.
        Raises SnapshotError for a state of another kind of machine; this one is as it was then.
        """
        machine = self._machine
        _check(machine, snapshot)
        before = self.take()
        try:
            self._put(snapshot, again)
        except ValueError as error:
            self._put(before, again)
            raise SnapshotError(str(error)) from None
        if not shared:
            self._history.forget()

    def _put(self, snapshot: Snapshot, again: bool) -> None:
        machine = self._machine
        for thing, state in ((machine.board, snapshot.board), (machine.htif, snapshot.htif)):
            if thing is not None:
                thing.restore(state)  # type: ignore[arg-type]
        for name, part in machine.parts.items():
            part.restore(snapshot.parts[name], again)
        machine.console.restore(snapshot.console, again)
        machine.resets = snapshot.resets
        machine.engine.steps_elsewhere += snapshot.cycle - machine.cycle
        self._history.restore(snapshot.memory)
        snapshot.records.restore(machine.engine)
        self._history.mark(snapshot.records.writable_pages())
        self._handler.forget()


def _check(machine: SavedMachine, snapshot: Snapshot) -> None:
    arrays, records = machine.engine.arrays, snapshot.records
    shapes: list[tuple[Any, Any]] = [
        (len(arrays.harts), len(records.harts)),
        (len(arrays.machines), len(records.machines)),
        (machine.board is None, snapshot.board is None),
        (machine.htif is None, snapshot.htif is None),
        (machine.parts.keys(), snapshot.parts.keys()),
    ]
    same = ("ram_base", "ram_size", "technique", "traced", "overlay_table", "page_states", "first_copy")
    shapes += [(arrays.machines[name][0], records.machines[name][0]) for name in same]
    if any(one != other for one, other in shapes):
        raise SnapshotError("this is the state of another kind of machine")
