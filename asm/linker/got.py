"""The global offset table of a static program, as GNU ld lays it out."""

from collections.abc import Iterable, Mapping

from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit

HEADER = b"\xff\xff\xff\xff" + bytes(8)
"""What precedes the entries: the two words of `.got.plt`, and the address of the dynamic section, which is 0."""

TABLE_OFFSET = 8
"""Offset of _GLOBAL_OFFSET_TABLE_ in `.got`: after `.got.plt`."""

BUCKETS = 4051
"""Size of ld's hash table of symbols (`bfd_default_hash_table_size`); it grows from 3038 symbols on."""


KINDS = {"got_hi20": 4, "tls_gd_hi20": 8, "tls_ie_hi20": 4}
"""Entry sizes by the kind of reference: an address; a module and an offset; an offset from the thread pointer."""

RELOCATION_SIZE = 12

DTV_OFFSET = 0x800
"""How far after the start of a module's block the dynamic thread vector points (RISC-V ELF psABI)."""

Entries = dict[tuple[Symbol, str], int]
"""Offset of each entry in `.got`, in bytes, by symbol and kind of reference."""


def offsets(wanted: Iterable[tuple[Symbol, str]], units: list[Unit], globals_: Mapping[str, Symbol]) -> Entries:
    """Offsets of the `wanted` entries.

    ld gives entries to local symbols source by source, then to global ones in the order of its hash table, where the
    later of two in one bucket comes first. Observed with ld 2.40; with more than 3038 symbols ld's table has grown,
    and its order differs from this one.
    """
    pairs = set(wanted)
    unplaced = dict.fromkeys(symbol for symbol, _ in sorted(pairs, key=lambda pair: pair[0].name))
    ordered: list[Symbol] = []
    for unit in units:
        ordered += [s for s in unit.symbols.values() if s.binding == "local" and s in unplaced]
    ordered += [s for s in unplaced if s.binding == "local" and s not in ordered]  # numeric labels
    newest_first = list(globals_.values())[::-1]
    ordered += [s for s in sorted(newest_first, key=lambda symbol: bucket(symbol.name)) if s in unplaced]
    found: Entries = {}
    end = len(HEADER)
    for symbol in ordered:
        for kind, size in KINDS.items():
            if (symbol, kind) in pairs:
                found[symbol, kind] = end
                end += size
    return found


def contents(entries: Entries) -> bytes:
    """The section's bytes, before addresses are filled in."""
    return HEADER + bytes(sum(KINDS[kind] for _, kind in entries))


def relocations(entries: Entries) -> int:
    """The size of `.rela.dyn`: ld reserves relocations for thread-local entries even in a static program."""
    counts = [(2 if symbol.binding != "local" and kind == "tls_gd_hi20" else 1) for symbol, kind in entries
              if kind != "got_hi20"]  # fmt: skip
    return RELOCATION_SIZE * sum(counts)


def entry(kind: str, value: int, block: int) -> bytes:
    """An entry's bytes; a static program is module 1. block: address of thread-local storage."""
    if kind == "got_hi20":
        return (value & 0xFFFFFFFF).to_bytes(4, "little")
    if kind == "tls_ie_hi20":
        return ((value - block) & 0xFFFFFFFF).to_bytes(4, "little")
    return (1).to_bytes(4, "little") + ((value - block - DTV_OFFSET) & 0xFFFFFFFF).to_bytes(4, "little")


def bucket(name: str) -> int:
    """The bucket of a name in ld's symbol table (`bfd_hash_hash`)."""
    code = 0
    letters = name.encode()
    for unit in (*letters, len(letters)):
        code = (code + unit + (unit << 17)) & 0xFFFFFFFFFFFFFFFF
        code ^= code >> 2
    return code % BUCKETS
