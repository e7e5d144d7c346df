"""The global offset table of a static program, as GNU ld lays it out."""

from collections.abc import Iterable, Mapping

from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit

HEADER = b"\xff\xff\xff\xff" + bytes(8)
"""What comes before the entries: the two words of `.got.plt`, and the address of a dynamic section: there is none."""

TABLE_OFFSET = 8
"""Where in `.got` the symbol _GLOBAL_OFFSET_TABLE_ is: behind `.got.plt`."""

BUCKETS = 4051
"""Size of ld's hash table of symbols (`bfd_default_hash_table_size`); it grows from 3038 symbols on."""


KINDS = {"got_hi20": 4, "tls_gd_hi20": 8, "tls_ie_hi20": 4}
"""What refers to an entry, with its size: an address; a module and an offset in it; an offset to the thread pointer."""

RELOCATION_SIZE = 12

DTV_OFFSET = 0x800
"""The dynamic thread vector points so far behind the start of a module's block (RISC-V ELF psABI)."""

Entries = dict[tuple[Symbol, str], int]
"""Where the entry of a symbol lies in `.got`, in bytes, by the symbol and what refers to it."""


def offsets(wanted: Iterable[tuple[Symbol, str]], units: list[Unit], globals_: Mapping[str, Symbol]) -> Entries:
    """The entries that are `wanted`.

    ld gives entries to local symbols file by file, then to global ones in the order of its hash table, where of two
    in one bucket the later comes first.  Found with ld 2.40; programs with over 3038 symbols get the same entries in
    another order than ld's, which has grown its table by then.
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
    """The section before addresses are filled in."""
    return HEADER + bytes(sum(KINDS[kind] for _, kind in entries))


def relocations(entries: Entries) -> int:
    """The size of `.rela.dyn`: ld keeps room for what loads thread-local entries, even in a static program."""
    counts = [(2 if symbol.binding != "local" and kind == "tls_gd_hi20" else 1) for symbol, kind in entries
              if kind != "got_hi20"]  # fmt: skip
    return RELOCATION_SIZE * sum(counts)


def entry(kind: str, value: int, block: int) -> bytes:
    """An entry's bytes in a static program, whose module has number 1. block: where thread-local storage starts."""
    if kind == "got_hi20":
        return (value & 0xFFFFFFFF).to_bytes(4, "little")
    if kind == "tls_ie_hi20":
        return ((value - block) & 0xFFFFFFFF).to_bytes(4, "little")
    return (1).to_bytes(4, "little") + ((value - block - DTV_OFFSET) & 0xFFFFFFFF).to_bytes(4, "little")


def bucket(name: str) -> int:
    """The bucket of a name in ld's table of symbols (`bfd_hash_hash`)."""
    code = 0
    letters = name.encode()
    for unit in (*letters, len(letters)):
        code = (code + unit + (unit << 17)) & 0xFFFFFFFFFFFFFFFF
        code ^= code >> 2
    return code % BUCKETS
