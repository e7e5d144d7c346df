"""The commands behind gdb's `monitor`."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trapline.isa.did_you_mean import did_you_mean
from trapline.vm.board.devices import Halt
from trapline.vm.gdb.addresses import Addresses
from trapline.vm.machine import Machine
from trapline.vm.registers import Hart


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

    def __init__(self, machine: Machine, addresses: Addresses) -> None:
        self._machine = machine
        self._addresses = addresses
        self._commands: dict[str, tuple[Callable[[Hart, list[str]], Done], str]] = {
            "help": (self._help, "list the commands"),
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

    def _reset(self, hart: Hart, words: list[str]) -> Done:
        machine = self._machine
        if machine.restart is None:
            raise MonitorError("nothing starts this machine again: it is a program, or runs with --no-reboot")
        machine.begin(_pull_reset())
        machine.run(0)
        return Done(f"reset; pc is {machine.pc:#010x}\n", changed=True)


def _pull_reset() -> Iterator[None]:
    """A service that resets the machine when it is gone on with: inside a run."""
    yield
    raise Halt(0, reset=True)
