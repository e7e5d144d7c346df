"""Commands that change the guest, keep its states, and those about the session itself."""

import re

from trapline.isa import CSR_BY_NAME
from trapline.isa.hart import REGISTERS
from trapline.isa.mode import MODE_NAMES
from trapline.isa.word import MASK
from trapline.vm.debug import memory, views
from trapline.vm.debug.commands import CHANGING, COMMANDS, GROUPS, SESSION, Command, command, find
from trapline.vm.debug.expressions import BYTE, HALF, WORD
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.session import Session
from trapline.vm.machine import Machine

_ASSIGNMENT = re.compile(r"(?:var\s+)?(.+?)\s*(?<![=!<>])=(?!=)(.*)", re.S)
_WITHOUT_SIGN = re.compile(r"(\S+)\s+(.+)", re.S)
_MEMORY = re.compile(r"(\*|word|half|byte)\s*(.*)", re.S)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.S)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "e": "\x1b"}
UNITS = {"*": WORD, "word": WORD, "half": HALF, "byte": BYTE}
LONGEST_INPUT = 1 << 16
MOST_MARKS = 100


@command("set", "REGISTER|CSR|*ADDRESS = EXPRESSION", CHANGING, repeats=False)
def set_value(session: Session, argument: str) -> None:
    """Change a register, pc, mode, a CSR, or memory at a virtual address.
    set a0 = 5, set mstatus = mstatus | 8, set *counter = 0, set byte(sp + 3) = 'x'
    From there on the guest goes another way; going back leads to before the change.
    """
    match = _ASSIGNMENT.fullmatch(argument.strip()) or _WITHOUT_SIGN.fullmatch(argument.strip())
    if match is None or not match[2].strip():
        raise Mistake("`set` needs what to change and a value, as in `set a0 = 5`")
    what, value = match[1].strip(), session.value(match[2])
    where = _MEMORY.fullmatch(what)
    if where is not None and what not in CSR_BY_NAME:
        _set_memory(session, session.address(where[2]), UNITS[where[1]], value)
        return
    name, number = what.removeprefix("$"), session.number
    if name == "mode" and value not in MODE_NAMES:
        raise Mistake(f"mode {value} is not 0 (U), 1 (S) or 3 (M)")
    if name not in ("pc", "mode", *REGISTERS, *CSR_BY_NAME):
        raise Mistake(f"no register or CSR {quoted(name)}", name, ("pc", "mode", *REGISTERS, *CSR_BY_NAME))
    if name in CSR_BY_NAME and name not in session.hart.csr:
        raise Mistake(f"this machine has no CSR '{name}'")
    session.target.change(lambda machine: _put(machine, number, name, value & MASK))
    session.ended = None
    if name == "pc":
        session.say_here()
    else:
        session.say(f"{name} {views.number(session.named(name), session.lines)}")


def _put(machine: Machine, number: int, name: str, value: int) -> None:
    hart = machine.harts[number]
    if name in ("pc", "mode"):
        setattr(hart, name, value)
    elif name in REGISTERS:
        hart.x[name] = value
    else:
        hart.csr[name] = value


def _set_memory(session: Session, address: int, width: int, value: int) -> None:
    data, number = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little"), session.number
    memory.read(session.machine, session.hart, address, width)  # whether it is there
    session.target.change(lambda machine: memory.write(machine, machine.harts[number], address, data))
    session.ended = None
    shown = views.numbers(
        memory.read(session.machine, session.hart, address, width), address, width, "x", session.lines
    )
    session.say(shown)


@command("input", "[-n] TEXT", CHANGING, repeats=False)
def type_input(session: Session, argument: str) -> None:
    """Type a line for the guest, which reads it when it goes on; -n: without the end of the line.
    \\n, \\r, \\t, \\e, \\\\ and \\x03 are understood. Without a text: the end of a program's input.
    """
    if argument.startswith("-n ") or argument == "-n":
        text = argument.removeprefix("-n").removeprefix(" ")
    else:
        text = argument + "\n" if argument else ""
    if len(text) > LONGEST_INPUT:
        raise Mistake(f"at most {LONGEST_INPUT} characters are typed at once")
    session.target.type(_ESCAPE.sub(_unescaped, text).encode("utf-8", "replace"))


def _unescaped(match: "re.Match[str]") -> str:
    text = match[1]
    return chr(int(text[1:], 16)) if len(text) > 1 else _ESCAPED.get(text, text)


@command("snapshot", "NAME", CHANGING, repeats=False)
def snapshot(session: Session, argument: str) -> None:
    """Keep this state under a name, for `restore`; without one, list those that are kept."""
    name = argument.strip()
    if not name:
        session.say(sorted(session.marks) or "no snapshots")
        return
    if len(session.marks) >= MOST_MARKS and name not in session.marks:
        raise Mistake(f"there are {MOST_MARKS} snapshots already")
    session.marks[name] = (session.target.mark(), session.ended)


@command("restore", "NAME", CHANGING, repeats=False)
def restore(session: Session, argument: str) -> None:
    """Go to a state that `snapshot` has kept. Of a machine, the past begins there anew."""
    name = argument.strip()
    if name not in session.marks:
        raise Mistake(f"no snapshot {quoted(name)}", name, session.marks)
    mark, ended = session.marks[name]
    session.target.return_to(mark)
    session.gone()
    session.ended = ended


@command("save", "FILE", CHANGING, repeats=False)
def save(session: Session, argument: str) -> None:
    """Write the whole machine, or the program, to a file, with which `trapline resume FILE` goes on."""
    if not argument.strip():
        raise Mistake("`save` needs the name of a file")
    if session.save is None:
        raise Mistake("nothing can be saved here: `snapshot` keeps the state")
    session.save(argument.strip())


# The session


@command("help h", "[WORD]", SESSION, repeats=False)
def help_command(session: Session, argument: str) -> None:
    """List the commands, or explain one."""
    word = argument.strip()
    if word:
        session.say(explained(find(word)))
        return
    distinct = {id(found): found for found in COMMANDS.values()}.values()
    lines = []
    for group in GROUPS:
        lines += ["", f"{group}:"]
        lines += [f"  {', '.join(c.names):30} {c.summary}" for c in distinct if c.group == group]
    lines += [
        "",
        "A beginning of a word that is like no other's is enough. An empty line repeats what steps and looks.",
    ]
    lines += ["`help WORD` says more; expressions are explained by `help print`, locations by `help break`."]
    session.say("\n".join(lines[1:]))


def explained(found: Command) -> list[str]:
    """The help of a command."""
    others = f"  (or {', '.join(found.names[1:])})" if len(found.names) > 1 else ""
    usage = found.usage if found.usage.startswith("/") else f" {found.usage}" * bool(found.usage)
    return [f"{found.names[0]}{usage}{others}", *(f"  {line}" for line in found.help.splitlines())]


@command("quit q exit", "", SESSION, repeats=False)
def leave(session: Session, argument: str) -> None:
    """Leave the debugger, and the guest with it."""
    session.over = True
