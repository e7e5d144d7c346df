"""Which extensions there are: those that every hart has, and the optional ones with their bits.

An instruction of an optional extension is illegal on a hart whose `extensions` field lacks its bit.
"""

from collections.abc import Iterable

BASE = ("i", "m", "a", "zicsr", "zifencei")
"""Extensions in the order of an ISA string that every hart has."""

XLEAK = ("xpopf", "xpushf", "xrdmode", "xsidt", "xsgdt", "xjrst", "xprobe", "xlra")
"""The holes, in the order of their bits in `mleak`."""

STANDARD = ("c", "zicbom", "zicond", "zihintpause", "zba", "zbb", "zbs", "zcb", "sdtrig", "sstc", "svade", "svadu")
"""Optional extensions of the specification."""

OPTIONAL: list[str] = [*XLEAK, *STANDARD]
"""Optional extensions; the position is the bit in `h.extensions`. Plugins append to it."""

GROUPS: dict[str, tuple[str, ...]] = {
    "xleak": XLEAK,
    "g": ("i", "m", "a", "f", "d", "zicsr", "zifencei"),
    "b": ("zba", "zbb", "zbs"),
}
"""Names in an ISA string that stand for several extensions; of G, this machine has no F and no D."""

IMPLIED: dict[str, tuple[str, ...]] = {"zca": ("c",), "zcb": ("c",)}
"""Names in an ISA string that bring others: without F and D, Zca and C are the same, and Zcb depends on Zca."""

ALWAYS = ("zicntr", "zihpm", "zmmul", "zaamo", "zalrsc")
"""Names in an ISA string of parts of BASE, or of counters that every hart has."""

MOST = 62
"""How many optional extensions fit into the field."""


LETTERS = "imafdqlcbkjtpvnh"
"""Extensions of one letter, in the order of an ISA string (Unpriv, chapter on naming conventions)."""


def canonical(names: Iterable[str]) -> tuple[str, ...]:
    """Extensions in the order of an ISA string: single letters, then those that begin with Z, with S and with X.

    "If multiple 'Z' extensions are named, they should be ordered first by category, then alphabetically within a
    category"; the category is the letter behind the Z. Ours that begin with X keep the order of their bits.
    """

    def place(name: str) -> tuple[int, int, str]:
        if len(name) == 1:
            return 0, LETTERS.index(name), ""
        kind = 1 + "zsx".index(name[0])
        if name[0] == "x":
            return kind, OPTIONAL.index(name), ""
        return kind, LETTERS.index(name[1]) if name[0] == "z" else 0, name

    return tuple(sorted(names, key=place))


def extension_bit(name: str) -> int:
    """The mask of `name` in `h.extensions`; 0 for an extension that every hart has.

    Raises ValueError for a name that no declaration has mentioned.
    """
    return 0 if name in BASE else 1 << OPTIONAL.index(name)


def extension_mask(names: tuple[str, ...]) -> int:
    """What `h.extensions` holds for these extensions."""
    mask = 0
    for name in names:
        mask |= extension_bit(name)
    return mask
