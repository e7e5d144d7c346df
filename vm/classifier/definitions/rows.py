"""The rows of a classification: a machine's instructions, and the CSRs for its CSR instructions."""

from collections.abc import Iterable

from trapline.isa import CSR_BY_NAME, CSRS, INSTRUCTIONS, Csr, Instruction, Kind
from trapline.isa.extension import BASE, XLEAK
from trapline.vm.classifier.definitions.questions import Row

COUNTERS = ("cycle", "time", "instret", "cycleh", "timeh", "instreth")
"""User-level views of counters; reading one is the instruction `rd...`, with a row of its own."""

WRITES_ALWAYS = ("csrrw", "csrrwi")


def rows(extensions: Iterable[str]) -> tuple[Row, ...]:
    """All rows of a machine with these extensions, in the order of the instruction table."""
    present = {*BASE, *extensions}
    found: list[Row] = []
    for instruction in INSTRUCTIONS:
        if instruction.extension not in present:
            continue
        if instruction.kind is Kind.CSR:
            found += _csr_rows(instruction, present)
        else:
            found.append(Row(instruction.name, instruction))
    return (*found, *_counter_rows())


def _csr_rows(instruction: Instruction, present: set[str]) -> list[Row]:
    """A CSR instruction on the CSRs of S and M mode, and on `uflags`.

    Writes to read-only CSRs and accesses to absent CSRs are left out: they trap in every mode. Event counters have
    U-mode addresses, but no counter-enable bit lets a mode below M read them.
    """
    writes = instruction.name in WRITES_ALWAYS
    higher = tuple(
        c.address
        for c in CSRS
        if (c.privilege or c.name.startswith("hpmcounter")) and not (writes and c.read_only) and _exists(c, present)
    )
    found = [Row(instruction.name, instruction, higher)]
    uflags = CSR_BY_NAME["uflags"]
    if _exists(uflags, present):
        found.append(Row(f"{instruction.name} uflags", instruction, (uflags.address,)))
    return found


_EXTENSIONS = {
    "uflags": ("xpopf", "xpushf"),
    "mleak": XLEAK,
    **dict.fromkeys(("stimecmp", "stimecmph"), ("sstc",)),
    **dict.fromkeys(("tselect", "tdata1", "tdata2", "tinfo"), ("sdtrig",)),
}
"""CSRs of which any of these extensions must be there."""


def _exists(csr: Csr, present: set[str]) -> bool:
    needed = _EXTENSIONS.get(csr.name)
    return needed is None or bool(present.intersection(needed))


def _counter_rows() -> list[Row]:
    csrrs = next(i for i in INSTRUCTIONS if i.name == "csrrs")
    return [Row(f"rd{name}", csrrs, (CSR_BY_NAME[name].address,), {"rs1": 0}) for name in COUNTERS]
