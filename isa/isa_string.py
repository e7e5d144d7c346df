"""ISA strings such as `rv32imac_zba_zbb`, and as tools write them: `rv32i2p1_m2p0_a2p1_c2p0_zicsr2p0`, `rv32gc`."""

import re

from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.extension import ALWAYS, BASE, GROUPS, IMPLIED, OPTIONAL, XLEAK, canonical

REQUIRED = ("i", "m", "a")
"""What a string must name; this machine also always has the rest of `isa.extension.BASE`."""

FLOATS = ("f", "d")
"""Extensions that a string may name although they are absent: of compilers' output the rest is enough for much."""

LEFT_OUT = {
    "h": "the hypervisor extension", "p": "packed SIMD", "q": "quadruple precision",
    "v": "vectors", "sha": "the hypervisor extension",
    "smaia": "advanced interrupts", "smepmp": "enhanced PMP", "smrnmi": "resumable non-maskable interrupts",
    "smstateen": "state enables", "sscofpmf": "counter overflows", "ssaia": "advanced interrupts",
    "svinval": "fine-grained fences", "svnapot": "contiguous pages", "svpbmt": "memory types in page tables",
    "zawrs": "waiting for a reservation", "zacas": "compare and swap", "zabha": "atomic bytes and halfwords",
    "zbc": "carry-less multiplication", "zbkb": "bit manipulation for cryptography",
    "zbkc": "carry-less multiplication", "zbkx": "crossbar permutations", "zcf": "compressed floating point",
    "zcd": "compressed floating point", "zcmp": "push and pop", "zcmt": "table jumps", "zdinx": "floating point",
    "zfa": "floating point", "zfh": "floating point", "zfinx": "floating point", "zicbop": "prefetches",
    "zicboz": "zeroing of cache blocks", "zihintntl": "hints on locality", "zimop": "may-be operations",
    "ztso": "total store order",
}  # fmt: skip
"""Extensions that are known not to be here, and what they are about."""

_NAME = re.compile(r"([zsx][a-z0-9]*?[a-z]|[a-z])(?:\d+(?:p\d+)?)?(?:_(?=[a-z])|$)|([a-z])(?:\d+(?:p\d+)?)?")
"""A name with its version: one of several letters ends at an underscore, or with the string."""
_PRIVILEGE = re.compile(r"su?|u")
"""Letters of modes, which some tools used to put behind the extensions: `rv32imacsu`."""


def parse_isa(text: str) -> tuple[str, ...]:
    """The extensions of an ISA string, in canonical order: all of BASE, and the optional ones it names or implies.

    Case, order and version numbers do not matter. F and D may be named and are left out: see `absent_floats`.
    Raises ValueError with a suggestion for an unknown extension, another base or a contradiction.
    """
    asked = _names(text)
    if "e" in asked:
        beside = " beside 'i'" if "i" in asked else ""
        raise ValueError(f"ISA string '{text}' names the base 'e'{beside}: this machine has 32 registers, base 'i'")
    for name in asked:
        _check(text, name)
        if asked.count(name) > 1:
            raise ValueError(f"ISA string '{text}' names '{name}' twice")
    if "xleak" in asked and (inside := [name for name in XLEAK if name in asked]):
        raise ValueError(f"ISA string '{text}' names '{inside[0]}' twice: 'xleak' has it")
    named = {member for name in asked for member in GROUPS.get(name, (name,))}
    if missing := [n for n in REQUIRED if n not in named]:
        raise ValueError(f"ISA string '{text}' lacks '{missing[0]}': this machine is rv32ima")
    named |= {implied for name in named for implied in IMPLIED.get(name, ())}
    return canonical({*BASE, *(name for name in named if name in OPTIONAL)})


def absent_floats(text: str) -> tuple[str, ...]:
    """Which of F and D an ISA string that `parse_isa` takes names: this machine has neither."""
    named = {member for name in _names(text) for member in GROUPS.get(name, (name,))}
    return tuple(name for name in FLOATS if name in named)


def _names(text: str) -> list[str]:
    """The names in an ISA string, without version numbers. Raises ValueError for what has not the form of one."""
    lower = text.lower()
    at = len("rv32")
    names = []
    while lower.startswith("rv32") and (found := _NAME.match(lower, at)):
        whole = found[0].rstrip("_")
        names.append(whole if whole in OPTIONAL else found[1] or found[2])  # a plugin's name may end in a digit
        at = found.end()
    if not names or at < len(lower):
        raise ValueError(f"ISA string '{text}' does not have the form rv32ima or rv32ima_xpopf{_other_width(text)}")
    return names


def _check(text: str, name: str) -> None:
    """Raise ValueError unless the name is that of an extension that may be asked for."""
    known = (*BASE, *OPTIONAL, *GROUPS, *IMPLIED, *ALWAYS)
    if name in known or name in FLOATS:
        return
    if _PRIVILEGE.fullmatch(name):
        raise ValueError(f"ISA string '{text}': '{name}' is no extension; the machine always has M, S and U mode")
    if name in LEFT_OUT:
        raise ValueError(f"ISA string '{text}': this machine has no '{name}' ({LEFT_OUT[name]})")
    hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
    raise ValueError(f"ISA string '{text}': unknown extension '{name}'; {hint}")


def _other_width(text: str) -> str:
    return "; this machine has 32 bits" if re.match(r"rv(64|128)", text.lower()) else ""


MXL_32 = 1 << 30
"""Field MXL of misa: XLEN is 32."""


def misa_value(extensions: tuple[str, ...]) -> int:
    """The misa register: MXL = 1 and a bit per letter, with S and U (Priv 3.1.1).

    "The 'X' bit will be set if there are any non-standard extensions." B is set with all that it stands for.
    """
    letters = [e for e in extensions if len(e) == 1] + ["s", "u"] + ["x"] * any(e[0] == "x" for e in extensions)
    letters += ["b"] * {*GROUPS["b"]}.issubset(extensions)
    return MXL_32 | sum(1 << (ord(letter) - ord("a")) for letter in letters)
