"""ISA strings such as `rv32ima_zicsr` and `rv32ima_xpopf`."""

import re

from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.extension import BASE, GROUPS, OPTIONAL, canonical

REQUIRED = ("i", "m", "a")
"""What a string must name; this machine also always has the rest of `isa.extension.BASE`."""


def parse_isa(text: str) -> tuple[str, ...]:
    """The extensions of an ISA string, in canonical order: all of BASE, and the optional ones it names.

    Raises ValueError with a suggestion for an unknown extension, another base or a contradiction.
    """
    match = re.fullmatch(r"rv32([a-z]*)((?:_[a-z0-9]+)*)", text.lower())
    if match is None:
        raise ValueError(f"ISA string '{text}' does not have the form rv32ima or rv32ima_xpopf{_other_width(text)}")
    asked = [*match[1], *match[2].split("_")[1:]]
    if "e" in asked:
        beside = " beside 'i'" if "i" in asked else ""
        raise ValueError(f"ISA string '{text}' names the base 'e'{beside}: this machine has 32 registers, base 'i'")
    known = (*BASE, *OPTIONAL, *GROUPS)
    for name in asked:
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
            raise ValueError(f"ISA string '{text}': unknown extension '{name}'; {hint}")
        if asked.count(name) > 1:
            raise ValueError(f"ISA string '{text}' names '{name}' twice")
    for group, members in GROUPS.items():
        if group in asked and (inside := [name for name in members if name in asked]):
            raise ValueError(f"ISA string '{text}' names '{inside[0]}' twice: '{group}' has it")
    if missing := [n for n in REQUIRED if n not in asked]:
        raise ValueError(f"ISA string '{text}' lacks '{missing[0]}': this machine is rv32ima")
    named = {member for name in asked for member in GROUPS.get(name, (name,))}
    return canonical({*BASE, *named})


def _other_width(text: str) -> str:
    return "; this machine has 32 bits" if re.match(r"rv(64|128)", text.lower()) else ""


MXL_32 = 1 << 30
"""Field MXL of misa: XLEN is 32."""


def misa_value(extensions: tuple[str, ...]) -> int:
    """The misa register: MXL = 1 and a bit per letter, with S and U (Priv 3.1.1).

    "The 'X' bit will be set if there are any non-standard extensions."
    """
    letters = [e for e in extensions if len(e) == 1] + ["s", "u"] + ["x"] * any(e[0] == "x" for e in extensions)
    return MXL_32 | sum(1 << (ord(letter) - ord("a")) for letter in letters)
