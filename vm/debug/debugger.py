"""A line of a person, or of a script, carried out: one message for a mistake, and the session goes on."""

from collections.abc import Iterable

from trapline.vm.debug import change_commands, display_commands, look_commands, run_commands, stop_commands
from trapline.vm.debug.commands import COMMANDS, find
from trapline.vm.debug.look_commands import split
from trapline.vm.debug.mistake import Mistake
from trapline.vm.debug.screen import Screen
from trapline.vm.debug.session import Session
from trapline.vm.debug.target import Target
from trapline.vm.debug.views import Disassemble
from trapline.vm.snapshot.snapshot import SnapshotError

LONGEST_LINE = 1 << 17
"""Characters of a command line."""
# Importing them makes their commands known.
_REGISTERED = (run_commands, stop_commands, look_commands, display_commands, change_commands)
MOST_NAMES = 200
"""Words that a completion offers."""


class Debugger:
    """Carries out commands, one after the other. session: what they are about."""

    def __init__(self, target: Target, screen: Screen, disassemble: Disassemble) -> None:
        self.session = Session(target, screen, disassemble)
        self._last = ""

    @property
    def over(self) -> bool:
        """Whether to leave."""
        return self.session.over

    @property
    def status(self) -> int:
        """The guest's exit status; 0 while it has not ended."""
        return 0 if self.session.ended is None else self.session.ended.status

    def do(self, line: str) -> bool:
        """Carry out a line; False for a mistake, which is printed. An empty one repeats what steps or looks."""
        line = line.strip() or self._last
        if not line or line.startswith("#"):
            return True
        try:
            if len(line) > LONGEST_LINE:
                raise Mistake(f"a command has at most {LONGEST_LINE} characters")
            word, argument = split(line)
            command = find(word)
            # What follows is shown by the same word without an address or place.
            self._last = (f"{word} {argument.split()[0]}" if word == "x" and argument else word if command.names[0]
                          == "list" else line) if command.repeats else ""  # fmt: skip
            command.function(self.session, argument)
        except (Mistake, SnapshotError) as mistake:
            self._last = ""
            self.session.say(str(mistake))
            return False
        except KeyError as error:  # of a CSR that is not there
            self.session.say(str(error.args[0]))
            return False
        except KeyboardInterrupt:
            self.session.say("interrupted")
            self.session.gone()
        return True

    def completions(self, line: str) -> Iterable[str]:
        """What the last word of a line may become: a command, or a symbol or register behind one."""
        before, _, word = line.rpartition(" ")
        if not before.strip():
            names: Iterable[str] = COMMANDS
        elif before.split()[0] == "help":
            names = COMMANDS
        else:
            from trapline.isa import CSR_BY_NAME
            from trapline.isa.hart import ABI_NAMES

            symbols = (name for image in self.session.lines.images for name in image.symbols)
            names = (*symbols, *ABI_NAMES, *CSR_BY_NAME)
        found = sorted(name for name in names if name.startswith(word))
        return found[:MOST_NAMES]
