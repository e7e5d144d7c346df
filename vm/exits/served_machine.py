"""What serving an exit needs of the machine around the harts: `vm.machine.Machine` has it, and lies above this room."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from trapline.vm.core.records import HartRecord, MachineRecord
from trapline.vm.exits.engine_devices import PolledUart
from trapline.vm.host.console import Console
from trapline.vm.sbi.call import Sbi

if TYPE_CHECKING:
    from trapline.vm.hypervisor.host.event_ring import EventRing


class ServedEngine(Protocol):
    """The memory that an exit is about (`vm.engine.Engine`)."""

    @property
    def h(self) -> Sequence[HartRecord]: ...
    @property
    def m(self) -> MachineRecord: ...
    @property
    def real(self) -> Sequence[MachineRecord]: ...
    @property
    def ring(self) -> "EventRing | None": ...
    @property
    def buffers(self) -> Any: ...  # of which this room hands on `code`

    @property
    def words(self) -> memoryview:
        """All of real RAM as words."""


class AddressedBus(Protocol):
    """Devices by physical address (`vm.board.devices.Bus`)."""

    @property
    def ranges(self) -> Sequence[tuple[int, int, Any]]:
        """First address, bytes and device of each."""

    def load(self, address: int, width: int) -> int | None:
        """The value; None for an access fault."""

    def store(self, address: int, width: int, value: int) -> bool:
        """Store; False for an access fault."""


class WaitingBoard(Protocol):
    """The devices that end a wait (`vm.board.board.Board`)."""

    @property
    def uart(self) -> PolledUart: ...

    @property
    def busy(self) -> bool:
        """Whether a device has more to do before the harts may go on."""

    def advance(self) -> bool:
        """Let busy devices do a portion of their work; whether there is more."""

    def update(self) -> None:
        """Update the interrupt lines."""

    def reset(self) -> None:
        """Bring the devices into their state at power-on."""

    def woken(self) -> bool:
        """Whether a pending interrupt would end a wfi."""

    def input_interrupts(self) -> bool:
        """Whether input would raise an interrupt."""

    def fills_buffers(self) -> bool:
        """Whether input may be written to memory that a driver has provided."""

    def wait(self) -> bool:
        """Wait briefly for input; False when none can ever come."""


class CommandWord(Protocol):
    """HTIF (`vm.board.htif.Htif`)."""

    @property
    def waits(self) -> bool:
        """Whether a command has not been read yet."""

    def written(self) -> None:
        """Note a store to `tohost`."""


class ServedMachine(Protocol):
    """The machine whose exits are served."""

    host_traps: int
    ends_trap_loops: bool
    resets: int

    @property
    def engine(self) -> ServedEngine: ...
    @property
    def console(self) -> Console: ...
    @property
    def bus(self) -> AddressedBus: ...
    @property
    def board(self) -> WaitingBoard | None: ...
    @property
    def htif(self) -> CommandWord | None: ...
    @property
    def sbi(self) -> Sbi | None: ...
    @property
    def clock(self) -> "IdleClock": ...
    @property
    def history(self) -> "Watcher | None":
        """What passes time instead, where the machine's history is kept."""

    def advance_time(self, ticks: int) -> None:
        """Let `ticks` of 100 ns pass without executing anything."""


class Watcher(Protocol):
    """The history of the machine (`vm.history.history.History`)."""

    def idle(self) -> bool:
        """As `IdleClock.idle`."""

    def look(self) -> None:
        """Between two pieces of a run."""

    def limit(self, budget: int) -> int:
        """The steps, at most `budget`, until the next look."""


class IdleClock(Protocol):
    """The machine's clock (`vm.exits.clock.Clock`)."""

    def idle(self) -> bool:
        """Let time pass; False if nothing could end the wait."""
