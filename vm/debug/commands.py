"""The commands by name: gdb's words, and those of Spike's `-d`."""

from collections.abc import Callable
from dataclasses import dataclass

from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.session import Session

Function = Callable[[Session, str], None]


@dataclass(frozen=True)
class Command:
    """A command. names: the first is its own; usage: what follows it; help: sentences; group: under which `help` has
    it; repeats: whether an empty line does it again."""

    names: tuple[str, ...]
    usage: str
    help: str
    group: str
    function: Function
    repeats: bool

    @property
    def summary(self) -> str:
        """The first sentence of its help."""
        return self.help.partition("\n")[0]


RUNNING, STOPPING, LOOKING, CHANGING, SESSION = "running", "stopping", "looking", "changing", "the session"
GROUPS = (RUNNING, STOPPING, LOOKING, CHANGING, SESSION)

COMMANDS: dict[str, Command] = {}
"""By each of their names."""


def command(names: str, usage: str, group: str, *, repeats: bool = True) -> Callable[[Function], Function]:
    """Make a function a command. Its docstring is the help; names: with blanks between."""

    def decorate(function: Function) -> Function:
        help = "\n".join(line.strip() for line in (function.__doc__ or "").strip().splitlines())
        found = Command(tuple(names.split()), usage, help, group, function, repeats)
        for name in found.names:
            if name in COMMANDS:
                raise ValueError(f"two commands are called '{name}'")
            COMMANDS[name] = found
        return function

    return decorate


def find(word: str) -> Command:
    """The command of a name, or of the beginning of one. Raises Mistake, with what may be meant."""
    if word in COMMANDS:
        return COMMANDS[word]
    found = {id(COMMANDS[name]): COMMANDS[name] for name in COMMANDS if name.startswith(word)} if word else {}
    if len(found) > 1:
        names = ", ".join(sorted(name for name in COMMANDS if name.startswith(word)))
        raise Mistake(f"{quoted(word)} may be {names}")
    if not found:
        close = Mistake(f"no command {quoted(word)}", word, COMMANDS)
        raise close if "did you mean" in str(close) else Mistake(f"{close}; `help` lists them")
    return next(iter(found.values()))
