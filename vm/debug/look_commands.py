"""Commands that look at the guest and change nothing."""

import re
from itertools import islice

from trapline.isa import CSR_BY_NAME
from trapline.isa.hart import REGISTERS
from trapline.isa.mode import MODE_NAMES
from trapline.isa.word import MASK
from trapline.vm.debug import memory, views
from trapline.vm.debug.commands import COMMANDS, LOOKING, command, find
from trapline.vm.debug.expressions import WORD
from trapline.vm.debug.frames import WITHIN_CALL, frames
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.session import Session

AROUND = 5
"""Lines before and after the one that is listed."""
MOST_SYMBOLS = 100
MOST_ITEMS = 4096
"""Numbers, instructions or strings that `x` shows."""
LONGEST_STRING = 200
KNOWN = (
    "breakpoints", "registers", "harts", "threads", "symbol", "line", "history", "frame", "watchpoints", "display",
)  # fmt: skip
"""What `info` shows."""
WIDTHS = {"b": 1, "h": 2, "w": 4}
_FORMAT = re.compile(r"/([0-9]{0,6})([a-z]*)\s*(.*)", re.S)


@command("regs", "[REGISTER ...]", LOOKING)
def regs(session: Session, argument: str) -> None:
    """Show the registers of this hart, those that have changed since the last look with a star; or some of them."""
    hart = session.hart
    if argument.strip():
        for word in argument.split():
            name = word.removeprefix("$")
            value = session.named(name) if name in ("pc", "mode") else hart.x[session.register(name)]
            session.say(f"{name:4} {views.number(value, session.lines)}")
        return
    key = (session.number, session.real)
    session.say(views.registers(hart, session.lines, session.seen.get(key)))
    session.seen[key] = list(hart.x)


@command("csr", "[NAME ...]", LOOKING)
def csr(session: Session, argument: str) -> None:
    """Show a CSR by its fields; without a name, all CSRs that are not 0."""
    if not argument.strip():
        session.say(views.all_csrs(session.hart))
    for word in argument.split():
        found = views.csr_named(word.removeprefix("$"))
        if found is None:
            raise Mistake(f"no CSR {quoted(word)}", word, CSR_BY_NAME)
        if found.name not in session.hart.csr:
            raise Mistake(f"this machine has no CSR '{found.name}': no extension that brings it is in its ISA string")
        session.say(views.csr_lines(session.hart, found, session.lines))


@command("walk", "ADDRESS", LOOKING)
def walk(session: Session, argument: str) -> None:
    """Walk the page tables for a virtual address: each entry decoded, and what may be done there, and why."""
    if not argument.strip():
        raise Mistake("`walk` needs an address")
    session.say(views.walk_lines(session.machine, session.hart, session.record, session.address(argument)))


@command("where bt backtrace", "", LOOKING)
def where(session: Session, argument: str) -> None:
    """Show the functions that have not returned, the innermost first.
    They are found by the program's tables for unwinding, and where there are none, by what the instructions of each
    function do to sp and ra: where code is unusual, callers may be missing then. Where a caller was found is shown; of
    its line, the one with the call.
    """
    for number, frame in enumerate(frames(session.machine, session.hart, session.lines)):
        how = f"  (from {frame.how})" if frame.how else ""
        # What lies behind a call may belong to another line, or even to another function.
        behind = WITHIN_CALL if number else 0
        place = session.lines.place((frame.pc - behind) & MASK)
        session.say(f"#{number:<2} {place._replace(address=frame.pc, offset=place.offset + behind)}{how}")


@command("list l", "[LOCATION]", LOOKING)
def list_source(session: Session, argument: str) -> None:
    """Show the source around this place, or around another one; again, the lines that follow."""
    here = session.lines.place(session.hart.pc)
    if argument.strip():
        place = session.places(argument)[0]
        file, folder, line = place.file, place.folder, place.line
    elif session.listed is not None:
        file, folder, line = session.listed
        line += AROUND
    else:
        file, folder, line = here.file, here.folder, here.line
    if not file:
        raise Mistake("no source is known for this place: assemble or compile with -g, or look at it by `x/i`")
    marked = here.line if here.file == file else 0
    found = views.source(session.lines, file, folder, line - AROUND, line + AROUND - 1, marked)
    if not found:
        raise Mistake(f"{file} has no such lines, or is not found")
    session.say([file, *found])
    session.listed = (file, folder, line + AROUND)


@command("x", "/NFU ADDRESS", LOOKING)
def examine(session: Session, argument: str) -> None:
    """Show memory: N items of format F and unit U, as in gdb: x/8xw sp, x/5i pc, x/s message.
    F is x (hexadecimal), d (signed), u (unsigned), c (characters), a (addresses), i (instructions) or s (strings);
    U is b, h or w. Without an address, what follows. An address is virtual, by the tables of this hart.
    """
    match = _FORMAT.match(argument.strip())
    count, letters, text = (match[1], match[2], match[3]) if match else ("", "", argument)
    units = [letter for letter in letters if letter in WIDTHS]
    formats = [letter for letter in letters if letter in "xducais"]
    if len(units) > 1 or len(formats) > 1 or len(units) + len(formats) < len(letters):
        raise Mistake(f"{quoted(letters)} is not a format and a unit; `help x` has them")
    number, form = int(count or "1"), (formats or ["x"])[0]
    if not 1 <= number <= MOST_ITEMS:
        raise Mistake(f"{number} items are not 1 to {MOST_ITEMS}")
    width = WIDTHS[units[0]] if units else 1 if form == "c" else WORD
    address = session.address(text) if text.strip() else session.examined
    if form == "i":
        _instructions(session, address, number)
    elif form == "s":
        _strings(session, address, number)
    else:
        width = WORD if form == "a" else width
        data = memory.read(session.machine, session.hart, address, number * width)
        session.say(views.numbers(data, address, width, form, session.lines))
        session.examined = (address + number * width) & MASK


def _instructions(session: Session, address: int, number: int) -> None:
    machine, hart, lines = session.machine, session.hart, session.lines
    found = []
    for _ in range(number):
        mark = "=>" if address == hart.pc else "  "
        found.append(f"{mark} {views.instruction_line(machine, hart, lines, address, session.disassemble)}")
        address = memory.behind(machine, hart, address)
    session.examined = address
    session.say(found)


def _strings(session: Session, address: int, number: int) -> None:
    for _ in range(number):
        data = bytearray()
        while len(data) < LONGEST_STRING and (byte := session.load(address + len(data) & MASK, 1)):
            data.append(byte)
        end = "..." if len(data) == LONGEST_STRING else ""
        text = "".join(chr(b) if b in views.PRINTABLE and chr(b) not in '"\\' else f"\\x{b:02x}" for b in data)
        session.say(f'{address:#010x}{views.named(session.lines, address)}:  "{text}"{end}')
        address = (address + len(data) + (not end)) & MASK
    session.examined = address


@command("print p", "[/x|/d|/u|/c|/t] EXPRESSION", LOOKING)
def print_value(session: Session, argument: str) -> None:
    """Show the value of an expression: numbers, registers, CSRs, symbols, memory and C's operators.
    A symbol is its address; *ADDRESS is the word there, half() and byte() are less; signed() makes a word negative.
    print mstatus >> 11 & 3, print *(sp + 4), print /d byte(message)
    """
    session.say(printed(session, argument))


def printed(session: Session, argument: str) -> str:
    """What `print` prints. Raises Mistake."""
    text = argument.strip()
    letter = ""
    if text.startswith("/"):
        letter, _, text = text[1:].partition(" ")
    if letter not in ("", "x", "d", "u", "c", "t"):
        raise Mistake(f"{quoted('/' + letter)} is not /x, /d, /u, /c or /t")
    value = session.value(text)
    shown = {
        "": views.number(value, session.lines), "x": f"{value & MASK:#x}", "d": str(value), "u": str(value & MASK),
        "c": repr(chr(value & 0xFF)), "t": f"{value & MASK:#b}",
    }  # fmt: skip
    return shown[letter]


@command("symbols", "[TEXT]", LOOKING)
def symbols(session: Session, argument: str) -> None:
    """List the symbols, by address: all, or those whose names have this text in them."""
    text = argument.strip()
    pairs = {(a, name) for image in session.lines.images for name in image.symbols for a in image.addresses_of(name)}
    found = sorted((address, name) for address, name in pairs if text in name)
    if not found:
        raise Mistake(f"no symbol has {quoted(text)} in its name", text, (name for _, name in pairs))
    session.say([f"{address:#010x}  {name}" for address, name in islice(found, MOST_SYMBOLS)])
    if len(found) > MOST_SYMBOLS:
        session.say(f"and {len(found) - MOST_SYMBOLS} more; `symbols TEXT` lists those with TEXT in their names")


def _breakpoints(session: Session) -> None:
    if not len(session.stops):
        session.say("no breakpoints, watchpoints or catches")
    for stop in session.stops:
        condition = f" if {stop.condition.text}" if stop.condition else ""
        notes = [f"met {stop.hits} times", f"passed {stop.ignore} more times" * bool(stop.ignore)]
        notes.append("" if stop.enabled else "disabled")
        session.say(f"{stop.number:<3} {stop.kind}: {stop.place}{condition}  ({', '.join(filter(None, notes))})")


def _harts(session: Session) -> None:
    for number, hart in enumerate(session.machine.harts):
        state = "waits" if hart.waiting else "stopped" if hart.h.stopped else "runs"
        mark = "*" if number == session.number else " "
        place = session.lines.place(hart.pc)
        session.say(f"{mark} hart {number}: {state}, mode {MODE_NAMES[hart.mode]}, {place}")


def _line(session: Session, argument: str) -> None:
    for place in session.places(argument) if argument else [session.lines.place(session.hart.pc)]:
        session.say(str(place))


@command("info i", "breakpoints|registers|harts|symbol|line|history|display", LOOKING)
def info(session: Session, argument: str) -> None:
    """Show breakpoints, registers, harts (threads), the symbol of an address, the line of a place, or how far it is."""
    word, _, rest = argument.strip().partition(" ")
    names = [name for name in KNOWN if word and name.startswith(word)]
    if not names:
        raise Mistake(f"`info` knows {', '.join(KNOWN)}, not {quoted(word)}", word, KNOWN)
    match names[0]:
        case "breakpoints" | "watchpoints":
            _breakpoints(session)
        case "registers":
            regs(session, rest)
        case "harts" | "threads":
            _harts(session)
        case "symbol":
            session.say(str(session.lines.place(session.address(rest or "pc"))))
        case "line":
            _line(session, rest.strip())
        case "frame":
            session.say_here()
        case "display":
            session.say([f"{number}: {d.text}" for number, d in session.displays.items()] or "nothing is displayed")
        case _:
            begin, now = session.target.begin, session.machine.cycle
            session.say(f"{now:,} instructions done by all harts; the past begins at {begin:,}")


@command("hart thread", "[N]", LOOKING)
def hart(session: Session, argument: str) -> None:
    """Look at the hart of this number from now on; without one, show which it is."""
    if argument.strip():
        session.number = session.hart_number(argument)
    session.say_here()


@command("real", "regs|csr|walk|where|x|print ...", LOOKING)
def real(session: Session, argument: str) -> None:
    """Do a command that looks, at the real hart below this one: what the hypervisor lets it run with."""
    if not session.machine.engine.real:
        raise Mistake("there is no hypervisor: `--technique` runs the guest under one")
    word, rest = split(argument.strip())
    found = find(word)
    if found.group != LOOKING or found is COMMANDS["real"]:
        raise Mistake(f"`real` is for commands that look, such as `real regs`, not for {quoted(word)}")
    session.real = True
    try:
        found.function(session, rest)
    finally:
        session.real = False


def split(line: str) -> tuple[str, str]:
    """The word of a command line, and what follows it: `x/8x sp` is `x` and `/8x sp`."""
    match = re.match(r"([A-Za-z][\w-]*)(.*)", line, re.S)
    return (match[1], match[2].strip()) if match else tuple(line.partition(" ")[::2])  # type: ignore[return-value]


# Spike's words


@command("reg", "HART [REGISTER]", LOOKING)
def spike_reg(session: Session, argument: str) -> None:
    """Spike's: show a register of a hart, or all; `regs` shows those of this hart."""
    words = argument.split()
    if len(words) not in (1, 2) or (len(words) == 1 and words[0].removeprefix("$") in REGISTERS):
        raise Mistake("write `reg HART REGISTER`, such as `reg 0 a0`, or `regs a0`")
    number = session.hart_number(words[0])
    if len(words) == 1:
        session.say(views.registers(session.machine.harts[number], session.lines, None))
    else:
        session.say(f"{session.machine.harts[number].x[session.register(words[1])]:#010x}")


@command("pc", "[HART]", LOOKING)
def spike_pc(session: Session, argument: str) -> None:
    """Spike's: show pc of a hart."""
    number = session.hart_number(argument) if argument.strip() else session.number
    session.say(session.lines.place(session.machine.harts[number].pc).named)


@command("mem", "[HART] ADDRESS", LOOKING)
def spike_mem(session: Session, argument: str) -> None:
    """Spike's: show the word at an address; `x` shows more."""
    words = argument.split()
    kept = session.number
    match words:
        case [address]:
            pass
        case [number, address]:
            session.number = session.hart_number(number)
        case _:
            raise Mistake("write `mem ADDRESS` or `mem HART ADDRESS`")
    try:
        session.say(f"{session.load(session.address(address), WORD):#010x}")
    finally:
        session.number = kept
