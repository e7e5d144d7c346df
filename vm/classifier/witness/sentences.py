"""Describes a witness in plain words."""

from collections.abc import Iterable

from trapline.isa import CSR_BY_NAME
from trapline.isa import cause as causes
from trapline.isa.hart import ABI_NAMES, RESET
from trapline.isa.mode import MODE_NAMES
from trapline.isa.mstatus import SSTATUS
from trapline.vm.classifier.definitions.memory import BY_NAME, RELOCATIONS
from trapline.vm.classifier.definitions.questions import Kind, State, Witness

_TIME = {"time_base": "the base of mtime", "unretired": "the number of instructions that trapped"}
_ACTIONS = {"waits": "the hart waits", "translations dropped": "cached translations are dropped"}
_NO_ACTIONS = {"waits": "the hart continues", "translations dropped": "cached translations stay"}
_AGAIN = {"waits": "makes the hart wait", "translations dropped": "drops cached translations"}
_NOT_AGAIN = {"waits": "lets the hart continue", "translations dropped": "keeps cached translations"}
"""Changes without a value, done and not done, in the two phrasings of `_changes`."""


def describe(witness: Witness) -> str:
    """What the witness shows, as a sentence without its full stop."""
    kind = witness.question.kind
    first = witness.states[0]
    mode = MODE_NAMES[first.values["mode"]]
    if kind is Kind.EXECUTES:
        return f"in {mode} mode it executes"
    if kind is Kind.TRAPS:
        return f"in {mode} mode it traps: {causes.describe(witness.outcomes[0] or 0)}"
    given = _given(witness)
    if kind is Kind.CONTROL:
        return f"{given}in {mode} mode {_list(_changes(witness, 0, _control(witness, 0)))}"
    if kind is Kind.MODE:
        return given + _modes(witness)
    return given + _pair(witness, mode)


def _modes(witness: Witness) -> str:
    """The higher mode first: there the word does what it is meant to do."""
    names = sorted({*_control(witness, 0), *_control(witness, 1), *_visible_difference(witness)}, key=_order)
    names = [n for n in names if witness.changes[0].get(n) != witness.changes[1].get(n)]
    below, above = (MODE_NAMES[mode] for mode in witness.question.modes)
    high = _list(_changes(witness, 1, names) or ["nothing changes"])
    low = _list(_changes(witness, 0, names, again=True))
    return f"in {above} mode {high}; in {below} mode the same word {low} and does not trap"


def _pair(witness: Witness, mode: str) -> str:
    one, other = witness.states
    kind = witness.question.kind
    names = sorted(_visible_difference(witness), key=_order)
    if kind is Kind.LOCATION:
        conditions = [f"under {RELOCATIONS[BY_NAME[state.relocation]].summary}" for state in (one, other)]
        conditions[1] += ", with the same memory in view,"
    else:
        differing = [n for n in {**one.values, **other.values} if one.values.get(n) != other.values.get(n)]
        conditions = [f"with {_list(_parts_of(state, other_state, differing))}"
                      for state, other_state in ((one, other), (other, one))]  # fmt: skip
    first = _list(_outcomes(witness, 0, names))
    second = _list(_outcomes(witness, 1, names))
    return f"in {mode} mode {conditions[0]} {first}; {conditions[1]} {second}"


def _parts_of(state: State, other: State, names: Iterable[str]) -> list[str]:
    """The values of these names; for mstatus, of the fields that differ."""
    parts = []
    for name in names:
        value, against = _initial(state, name), _initial(other, name)
        if name == "mstatus":
            parts += [f"{field} = {v}" for field, v, _ in _fields(value, against)]
        else:
            parts.append(f"{_TIME.get(name, _shown(name))} = {_number(value)}")
    return parts


def _given(witness: Witness) -> str:
    """The nonzero register operands, and the relocation if there is one."""
    state = witness.states[0]
    relocated = state.relocation != "bare" and witness.question.kind is not Kind.LOCATION
    under = f"under {RELOCATIONS[BY_NAME[state.relocation]].summary}, " if relocated else ""
    held = [
        f"{_shown(name)} = {_number(value)}"
        for name, value in state.values.items()
        if name[0] == "x" and all(s.values.get(name) == value for s in witness.states)
    ]
    return (f"with {_list(held)}, " if held else "") + under


def _control(witness: Witness, which: int) -> list[str]:
    """Names of the control state that changes in a state."""
    return [name for name in witness.changes[which] if not _is_visible(name)]


def _is_visible(name: str) -> bool:
    return name in ("pc", "uflags", "reservation") or name.startswith("memory[") or _is_register(name)


def _is_register(name: str) -> bool:
    return name[0] == "x" and name[1:].isdigit()


def _visible_difference(witness: Witness) -> list[str]:
    """Names of visible values in which the two results differ."""
    names = {n for changes in witness.changes for n in changes if _is_visible(n)}
    return [n for n in names if _final(witness, 0, n) != _final(witness, 1, n)]


def _initial(state: State, name: str) -> int:
    return state.values.get(name, RESET.get(name, 0))


def _final(witness: Witness, which: int, name: str) -> int:
    return witness.changes[which].get(name, _initial(witness.states[which], name))


def _outcomes(witness: Witness, which: int, names: Iterable[str]) -> list[str]:
    return [
        f"{_shown(n)} {'becomes' if n in witness.changes[which] else 'stays'} {_number(_final(witness, which, n))}"
        for n in names
    ]


def _changes(witness: Witness, which: int, names: Iterable[str], again: bool = False) -> list[str]:
    """How these values change; `again`: phrased for "the same word", which also mentions what stays."""
    parts: list[str] = []
    for name in names:
        before, after = _initial(witness.states[which], name), _final(witness, which, name)
        if name in _ACTIONS:
            done = witness.changes[which].get(name, 0)
            parts.append(_action(name, bool(done), again))
        elif name == "mode":
            parts.append(_mode(before, after, again))
        elif name == "mstatus":
            parts += _status(witness, which, again)
        elif again:
            verb = "makes" if name in witness.changes[which] else "leaves"
            shown = "it" if len(list(names)) == 1 else _shown(name)
            parts.append(f"{verb} {shown} {_number(after)}")
        else:
            was = f" (it was {_number(before)})" if before and not after else ""
            parts.append(f"{_shown(name)} {'becomes' if before != after else 'stays'} {_number(after)}{was}")
    return [text for text in parts if text]


def _status(witness: Witness, which: int, again: bool) -> list[str]:
    """Fields of mstatus that change in one of the states."""
    changed = 0
    for state, changes in zip(witness.states, witness.changes, strict=True):
        before = _initial(state, "mstatus")
        changed |= before ^ changes.get("mstatus", before)
    before = _initial(witness.states[which], "mstatus")
    after = _final(witness, which, "mstatus")
    fields = _fields(after, after ^ changed)
    if not again:
        return [_field(name, value, (before ^ after) & mask != 0) for name, value, mask in fields]
    shown = "it" if len(fields) == 1 else None
    return [
        f"{'makes' if (before ^ after) & mask else 'leaves'} {shown or name} {value}" for name, value, mask in fields
    ]


def _field(name: str, value: int, changed: bool) -> str:
    was = " (it was set)" if changed and not value else ""
    return f"{name} {'becomes' if changed else 'stays'} {value}{was}"


def _fields(value: int, against: int) -> list[tuple[str, int, int]]:
    """Fields of mstatus in which two values differ: name, value in the first, mask."""
    found = []
    for field in CSR_BY_NAME["mstatus"].fields:
        if (value ^ against) & field.mask:
            register = "sstatus" if field.mask & SSTATUS else "mstatus"
            found.append((f"{register}.{field.name}", (value & field.mask) >> field.low, field.mask))
    return found


def _action(name: str, done: bool, again: bool) -> str:
    if not again:
        return _ACTIONS[name] if done else _NO_ACTIONS[name]
    return _AGAIN[name] if done else _NOT_AGAIN[name]


def _mode(before: int, after: int, again: bool) -> str:
    if before == after:
        return "leaves the mode as it is" if again else f"the mode stays {MODE_NAMES[after]}"
    return f"makes the mode {MODE_NAMES[after]}" if again else f"the mode becomes {MODE_NAMES[after]}"


def _shown(name: str) -> str:
    if _is_register(name):
        return ABI_NAMES[int(name[1:])]
    if name.startswith("memory["):
        return f"the word at {name[7:-1]}"
    return name


_HEXADECIMAL = 10
"""Numbers from here on are written in hexadecimal."""


def _number(value: int) -> str:
    return str(value) if abs(value) < _HEXADECIMAL else f"{value:#x}"


def _order(name: str) -> tuple[int, str]:
    return (0 if name == "mstatus" else 1 if name == "mode" else 2), name


def _list(parts: Iterable[str]) -> str:
    items = list(parts)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""
