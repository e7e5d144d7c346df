"""LLVM's assembly of the stencils, so that each ends where the next instruction's begins.

LLVM knows nothing of what the stencils become part of. It jumps around a rare tail call that the conditional jump could
make itself, and puts the tail call of NEXT anywhere.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

NEXT = "NEXT"

_LABEL = re.compile(r"(\.?\w[\w.]*):")
_TAIL_CALL = re.compile(r"jmp\s+([A-Z]+)")
_CONDITIONAL = re.compile(r"j(?!mp)(\w+)\s+(\S+)")
_INVERSE = {a: b for pair in ("e ne", "l ge", "g le", "b ae", "a be", "s ns", "o no", "p np") for a, b in
            (pair.split(), pair.split()[::-1])}  # fmt: skip


def functions(assembly: str) -> Iterator[tuple[str, list[str]]]:
    """The names of the functions and their lines, without directives and comments."""
    name, lines = "", list[str]()
    for text in assembly.splitlines():
        line = text.partition("#")[0].strip()
        label = _LABEL.fullmatch(line)
        if label and not line.startswith(".L"):
            if name:
                yield name, lines
            name, lines = label[1], []
        elif line and (label or not line.startswith(".")):
            lines.append(line)
    if name:
        yield name, lines


def straightened(lines: list[str]) -> list[str]:
    """A function without jumps to tail calls, which ends with that of NEXT if a conditional jump can do the other.

    Only jumps change; which code runs before which tail call does not.
    """
    used = {word for line in lines for word in line.split()[1:]}
    lines = [line for line in lines if not (label := _LABEL.fullmatch(line)) or label[1] in used]
    calls = {}
    for line, after in pairwise(lines):
        if (label := _LABEL.fullmatch(line)) and (call := _TAIL_CALL.fullmatch(after)):
            calls[label[1]] = call[1]
    result: list[str] = []
    for line in lines:
        if (jump := _CONDITIONAL.fullmatch(line)) and jump[2] in calls:
            line = f"j{jump[1]} {calls[jump[2]]}"
        label = _LABEL.fullmatch(line)
        if label and label[1] in calls and not _falls_through(result):
            continue
        if _TAIL_CALL.fullmatch(line) and not _falls_through(result):
            continue
        result.append(line)
    if len(result) > 1 and (jump := _CONDITIONAL.fullmatch(result[-2])) and (call := _TAIL_CALL.fullmatch(result[-1])):
        if jump[2] == NEXT and call[1] != NEXT:
            result[-2:] = [f"j{_INVERSE[jump[1]]} {call[1]}", f"jmp {NEXT}"]
    return result


def _falls_through(lines: list[str]) -> bool:
    """Whether what follows these lines can be reached from the last one."""
    return not lines or not lines[-1].startswith(("jmp", "ret"))


def module_of(assembly: str, triple: str) -> str:
    """A module of IR that is this assembly, straightened, each function right behind the one before."""
    lines = [f'target triple = "{triple}"']
    for name, body in functions(assembly):
        lines += [f'module asm "{line}"' for line in (f"{name}:", *straightened(body))]
    return "\n".join(lines) + "\n"
