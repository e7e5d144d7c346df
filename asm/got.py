"""The global offset table of a static program, as GNU ld lays it out."""

from collections.abc import Iterable, Mapping

from asm.assembler import Unit
from asm.symbols import Symbol

HEADER = b"\xff\xff\xff\xff" + bytes(8)
"""What comes before the entries: the two words of `.got.plt`, and the address of a dynamic section: there is none."""

TABLE_OFFSET = 8
"""Where in `.got` the symbol _GLOBAL_OFFSET_TABLE_ is: behind `.got.plt`."""

BUCKETS = 4051
"""Size of ld's hash table of symbols (`bfd_default_hash_table_size`); it grows from 3038 symbols on."""


def offsets(wanted: Iterable[Symbol], units: list[Unit], globals_: Mapping[str, Symbol]) -> dict[Symbol, int]:
    """Where the entry of each symbol lies in `.got`, in bytes.

    ld gives entries to local symbols file by file, then to global ones in the order of its hash table, where of two
    in one bucket the later comes first.  Found with ld 2.40; programs with over 3038 symbols get the same entries in
    another order than ld's, which has grown its table by then.
    """
    unplaced = dict.fromkeys(wanted)
    ordered: list[Symbol] = []
    for unit in units:
        ordered += [s for s in unit.symbols.values() if s.binding == "local" and s in unplaced]
    ordered += [s for s in unplaced if s.binding == "local" and s not in ordered]  # numeric labels
    newest_first = list(globals_.values())[::-1]
    ordered += [s for s in sorted(newest_first, key=lambda symbol: bucket(symbol.name)) if s in unplaced]
    return {symbol: len(HEADER) + 4 * n for n, symbol in enumerate(ordered)}


def contents(entries: Mapping[Symbol, int]) -> bytes:
    """The section before addresses are filled in."""
    return HEADER + bytes(4 * len(entries))


def bucket(name: str) -> int:
    """The bucket of a name in ld's table of symbols (`bfd_hash_hash`)."""
    code = 0
    letters = name.encode()
    for unit in (*letters, len(letters)):
        code = (code + unit + (unit << 17)) & 0xFFFFFFFFFFFFFFFF
        code ^= code >> 2
    return code % BUCKETS
