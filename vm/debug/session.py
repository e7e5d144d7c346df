"""The state of a session: what is debugged, which hart is looked at, and what commands have in common."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trapline.isa import CSR_BY_NAME
from trapline.isa.hart import ABI_NAMES, REGISTERS
from trapline.isa.word import MASK
from trapline.vm.core.records import MachineRecord
from trapline.vm.debug import memory, views
from trapline.vm.debug.expressions import Expression, parse
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.running import Met, Runner, Why
from trapline.vm.debug.screen import Screen
from trapline.vm.debug.stepping import Stepper
from trapline.vm.debug.target import Ended, Target, WantsInput
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.loader.locations import LocationError
from trapline.vm.loader.source_lines import Place, SourceLines
from trapline.vm.machine import Machine
from trapline.vm.registers import Hart
from trapline.vm.snapshot.snapshot import Snapshot

MOST_COUNT = 10**15
"""The largest number of steps, and of what is shown."""
SPECIAL = ("pc", "mode", "hart")
"""Names of a hart that are neither registers nor CSRs."""


@dataclass(frozen=True)
class Display:
    """What is shown whenever the guest stands still. text: for people; show: prints it, and may raise Mistake."""

    text: str
    show: Callable[[], None]


class Session:
    """One session of the debugger.

    number: of the hart that commands are about; real: whether they show the real hart below it, under a hypervisor.
    ended: how the guest has come to its end, None while it has not; over: whether to leave; disassemble: see `views`.
    save: writes the machine to a file of this name, None where that is not possible.
    seen: registers at the last look, by hart.
    """

    def __init__(self, target: Target, screen: Screen, disassemble: views.Disassemble) -> None:
        self.target, self.screen, self.disassemble = target, screen, disassemble
        self.runner = Runner(target, self.value_on)
        self.stops = self.runner.stops
        self.stepper = Stepper(target, self.runner)
        self.number = 0
        self.real = False
        self.ended: Ended | None = None
        self.over = False
        self.save: Callable[[str], None] | None = None
        self.seen: dict[tuple[int, bool], list[int]] = {}
        self.marks: dict[str, tuple[Snapshot, Ended | None]] = {}
        self.displays: dict[int, Display] = {}
        self.listed: tuple[str, str, int] | None = None
        self.examined = 0

    @property
    def machine(self) -> Machine:
        """The machine."""
        return self.target.machine

    @property
    def lines(self) -> SourceLines:
        """Symbols and sources."""
        return self.target.lines

    @property
    def hart(self) -> Hart:
        """The hart that commands look at."""
        if self.real:
            return Hart(self.machine.engine.real_hart(self.number), lambda h: None)
        return self.machine.harts[self.number]

    @property
    def record(self) -> MachineRecord:
        """The machine's record: what RAM that hart has."""
        return self.machine.engine.real[self.number] if self.real else self.machine.engine.m

    def say(self, lines: str | Iterable[str]) -> None:
        """Print."""
        self.screen.say(lines if isinstance(lines, str) else "\n".join(lines))

    # Values

    def named(self, name: str) -> int:
        """The value of a register, CSR or symbol: see `expressions.Where`."""
        hart = self.hart
        if name in SPECIAL:
            return {"pc": hart.pc, "mode": hart.mode, "hart": self.number}[name]
        if name in REGISTERS:
            return hart.x[name]
        if name in CSR_BY_NAME and name in hart.csr:
            return hart.csr[name]
        addresses = [a for image in self.lines.images for a in image.addresses_of(name)]
        if not addresses:
            names = (*SPECIAL, *REGISTERS, *CSR_BY_NAME, *(s for image in self.lines.images for s in image.symbols))
            raise Mistake(f"no register, CSR or symbol {quoted(name)}", name, names)
        if len(set(addresses)) > 1:
            raise Mistake(f"there are {len(set(addresses))} symbols {quoted(name)}; `symbols {name}` lists them")
        return addresses[0]

    def load(self, address: int, width: int) -> int:
        """Memory: see `expressions.Where`."""
        return int.from_bytes(memory.read(self.machine, self.hart, address, width), "little")

    def value(self, text: str) -> int:
        """The value of an expression. Raises Mistake."""
        return parse(text).value(self)

    def value_on(self, expression: Expression, hart: int) -> int:
        """The value of an expression to the hart of this number. Raises Mistake."""
        kept, self.number = self.number, hart
        try:
            return expression.value(self)
        finally:
            self.number = kept

    def address(self, text: str) -> int:
        """The value of an expression as an address; a symbol is one. A star before it, as in gdb, changes nothing."""
        return self.value(text.strip().removeprefix("*")) & MASK

    def count(self, text: str, default: int) -> int:
        """A positive number. Raises Mistake."""
        if not text.strip():
            return default
        number = self.value(text)
        if not 0 < number <= MOST_COUNT:
            raise Mistake(f"{quoted(text.strip())} is {number}, not a positive number")
        return number

    def places(self, text: str) -> list[Place]:
        """The places of a location. Raises Mistake."""
        try:
            return self.lines.find(text, self.hart.pc)
        except LocationError as error:
            if text.lstrip().startswith("*"):
                return [self.lines.place(self.address(text))]
            raise Mistake(str(error)) from None

    def hart_number(self, text: str) -> int:
        """The number of a hart. Raises Mistake."""
        number = self.value(text)
        if not 0 <= number < len(self.machine.harts):
            count = len(self.machine.harts)
            raise Mistake(f"no hart {number}; there {'are' if count > 1 else 'is'} {count}, counted from 0")
        return number

    def register(self, text: str) -> str:
        """The name of a register. Raises Mistake."""
        name = text.strip().removeprefix("$")
        if name not in REGISTERS:
            raise Mistake(f"no register {quoted(name)}", name, REGISTERS)
        return ABI_NAMES[REGISTERS[name]]

    # Running

    def check_runs(self) -> None:
        """Raise Mistake where the guest cannot go on."""
        if self.ended is not None:
            raise Mistake("the guest has ended; `back` and `reverse-continue` go back, `quit` leaves")

    def run(self, go: Callable[[], Why]) -> None:
        """Run, and print why and where it came back."""
        self.check_runs()
        self.show(go())

    def show(self, why: Why) -> None:
        """Print why the guest stands still, and where."""
        self.listed = None
        self.ended = why if isinstance(why, Ended) else None
        if isinstance(why, Ended):
            self.say(why.text)
            return
        self.number = self.machine.harts.index(self.machine.current)
        if isinstance(why, Met):
            about = f": {why.about}" if why.about else ""
            self.say(f"{why.stop.kind} {why.stop.number}{about}")
        elif isinstance(why, WantsInput):
            self.say("the program reads, and there is no input: `input TEXT` gives it some, `input` alone ends it")
        elif why.reason is ExitReason.IDLE:
            self.say("the guest waits, and nothing is there that could wake it; `input TEXT` types something")
        elif why.reason not in (ExitReason.LIMIT, ExitReason.BREAKPOINT):
            self.say(why.reason.value)
        self.say_here()
        self.say_displays()

    def say_here(self) -> None:
        """Print where the hart stands."""
        self.say(views.here(self.machine, self.hart, self.lines, self.disassemble))

    def say_displays(self) -> None:
        """Print what is to be shown whenever the guest stands still."""
        for number, display in self.displays.items():
            try:
                display.show()
            except (Mistake, KeyError) as mistake:
                self.say(f"{number}: {display.text}: {mistake.args[0]}")

    def gone(self) -> None:
        """After going elsewhere in time: it has not ended there."""
        self.ended = None
        self.show(Exit(ExitReason.LIMIT, self.machine.current.pc))

    def expression(self, text: str) -> Expression:
        """A condition: an expression that can be looked at here. Raises Mistake for a name that there is not."""
        found = parse(text)
        found.value(self)
        return found
