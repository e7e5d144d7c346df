"""The commands behind gdb's `monitor`."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trapline.isa import CSRS
from trapline.isa.cause import describe
from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import M
from trapline.isa.sv32 import ADDRESSES
from trapline.isa.word import MASK
from trapline.vm.board.devices import Halt
from trapline.vm.core.mmu import refresh
from trapline.vm.core.records import HartRecord
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.machine import Machine
from trapline.vm.observe import tlb_listing, walk_listing
from trapline.vm.registers import Hart

COLUMNS = 4
BARE = "this machine is bare: there is no hypervisor under it"


@dataclass(frozen=True)
class Done:
    """What a command has done. text: to print; changed: whether the machine was changed; quits: whether to end."""

    text: str = ""
    changed: bool = False
    quits: bool = False


class MonitorError(Exception):
    """A mistake in a command."""


class Monitor:
    """The monitor of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._commands: dict[str, tuple[Callable[[Hart, list[str]], Done], str]] = {
            "help": (self._help, "list the commands"),
            "info": (self._info, "info registers: all registers and CSRs of the hart that gdb has chosen"),
            "real": (self._real, "under a hypervisor: the real hart behind it"),
            "exits": (self._exits, "under a hypervisor: traps out of the guest, by cause"),
            "walk": (self._walk, "walk ADDRESS: the page-table entries on the way, and what is allowed"),
            "tlb": (self._tlb, "tlb [real]: what the TLBs of the hart hold, or those of the real hart behind it"),
            "reset": (self._reset, "reset the machine, as system_reset"),
            "system_reset": (self._reset, "reset the machine, and stand where it starts"),
            "quit": (lambda hart, words: Done(quits=True), "end the run"),
        }

    def run(self, line: str, hart: Hart) -> Done:
        """Do what a line says. hart: that gdb has chosen."""
        try:
            words = shlex.split(line) or ["help"]
            if words[0] not in self._commands:
                hint = did_you_mean(words[0], self._commands) or "`monitor help` lists the commands"
                raise MonitorError(f"no command '{words[0]}'; {hint}")
            return self._commands[words[0]][0](hart, words[1:])
        except (MonitorError, ValueError) as error:
            return Done(f"{error}\n")

    def _help(self, hart: Hart, words: list[str]) -> Done:
        return Done("".join(f"{name:20} {about}\n" for name, (_, about) in self._commands.items()))

    def _info(self, hart: Hart, words: list[str]) -> Done:
        if words not in (["registers"], ["reg"]):
            raise MonitorError("write `monitor info registers`")
        csrs = {csr.name: hart.csr[csr.name] for csr in CSRS if csr.name in hart.csr}
        first = {"pc": hart.pc, "priv": hart.mode}
        return Done(_columns(first | hart.x.as_dict() | csrs))

    def _real_hart(self, hart: Hart) -> HartRecord:
        if not self._machine.engine.real:
            raise MonitorError(BARE)
        return self._machine.engine.real_hart(self._machine.harts.index(hart))

    def _real(self, hart: Hart, words: list[str]) -> Done:
        h = self._real_hart(hart)
        names = {"pc": h.pc, "priv": h.mode, "satp": h.satp, "mstatus": h.mstatus, "mcause": h.mcause, "mtval": h.mtval}
        return Done(_columns(names | dict(zip(ABI_NAMES, h.x, strict=True))))

    def _exits(self, hart: Hart, words: list[str]) -> Done:
        if not self._machine.engine.real:
            raise MonitorError(BARE)
        counts = Counts.of(self._machine)
        rows = {describe(cause): number for cause, number in sorted(counts.exits.items())} | counts.calls
        return Done("".join(f"{number:>12,}  {name}\n" for name, number in rows.items()) or "no exits yet\n")

    def _walk(self, hart: Hart, words: list[str]) -> Done:
        if len(words) != 1:
            raise MonitorError("write `monitor walk ADDRESS`")
        try:
            address = int(words[0], 0)
        except ValueError:
            raise MonitorError(f"'{words[0]}' is no address; a hexadecimal one begins with 0x") from None
        if not 0 <= address < ADDRESSES:
            raise MonitorError(f"{address:#x} is not an address of 32 bits")
        h, engine = hart.h, self._machine.engine
        refresh(h)
        satp = 0 if h.mode == M else h.satp
        entries = walk_listing.walk(engine.words, self._machine.ram_base, len(self._machine.ram), satp, address)
        lines = [f"level {entry.level} at {entry.address:#010x}: {entry}" for entry in entries]
        for access, name in enumerate(walk_listing.ACCESSES):
            verdict = walk_listing.judge(h, entries, address, access, h.mode)
            end = f"{verdict.cause} fault" if verdict.cause else f"{verdict.paddr:#010x}"
            lines.append(f"{name}: {end}. {verdict.text}")
        return Done("\n".join(lines) + "\n")

    def _tlb(self, hart: Hart, words: list[str]) -> Done:
        if words not in ([], ["real"]):
            raise MonitorError("write `monitor tlb`, or `monitor tlb real`")
        entries = tlb_listing.entries(self._real_hart(hart) if words else hart.h, self._machine.engine.m)
        if not entries:
            return Done("the TLBs are empty\n")
        return Done("\n".join([tlb_listing.HEADER, *map(str, entries)]) + "\n")

    def _reset(self, hart: Hart, words: list[str]) -> Done:
        machine = self._machine
        if machine.restart is None:
            raise MonitorError("nothing starts this machine again: it is a program, or runs with --no-reboot")
        machine.begin(_pull_reset())
        machine.run(0)
        return Done(f"reset; pc is {machine.pc:#010x}\n", changed=True)


def _columns(values: dict[str, int]) -> str:
    """Registers, four in a line."""
    cells = [f"{name:14} {value & MASK:08x}" for name, value in values.items()]
    return "".join("   ".join(cells[i : i + COLUMNS]) + "\n" for i in range(0, len(cells), COLUMNS))


def _pull_reset() -> Iterator[None]:
    """A service that resets the machine when it is gone on with: inside a run."""
    yield
    raise Halt(0, reset=True)
