"""The rows of a classification: which instructions, and for CSR instructions which CSRs, a machine has."""

from collections.abc import Iterable

from trapline.isa import CSR_BY_NAME, CSRS, INSTRUCTIONS, Csr, Instruction, Kind
from trapline.isa.extension import BASE, XLEAK
from trapline.vm.classifier.definitions.questions import Row

COUNTERS = ("cycle", "time", "instret", "cycleh", "timeh", "instreth")
"""User-level views of counters; reading one is the instruction `rd...` of a row of its own."""

WRITES_ALWAYS = ("csrrw", "csrrwi")


def rows(extensions: Iterable[str]) -> tuple[Row, ...]:
    """Everything that is classified on a machine with these extensions, in the order of the table."""
    there = {*BASE, *extensions}
    found: list[Row] = []
    for instruction in INSTRUCTIONS:
        if instruction.extension not in there:
            continue
        if instruction.kind is Kind.CSR:
            found += _csr_rows(instruction, there)
        else:
            found.append(Row(instruction.name, instruction))
    return (*found, *_counter_rows())


def _csr_rows(instruction: Instruction, there: set[str]) -> list[Row]:
    """A CSR instruction on the CSRs of S and M mode, and on `uflags`.

    A write to a read-only CSR traps in every mode and is left out; a CSR that is not there traps likewise. Event
    counters have addresses of U mode, but no counter-enable bit lets a lower mode than M read them.
    """
    writes = instruction.name in WRITES_ALWAYS
    higher = tuple(
        c.address
        for c in CSRS
        if (c.privilege or c.name.startswith("hpmcounter")) and not (writes and c.read_only) and _is_there(c, there)
    )
    found = [Row(instruction.name, instruction, higher)]
    uflags = CSR_BY_NAME["uflags"]
    if _is_there(uflags, there):
        found.append(Row(f"{instruction.name} uflags", instruction, (uflags.address,)))
    return found


def _is_there(csr: Csr, there: set[str]) -> bool:
    needed = {"uflags": ("xpopf", "xpushf"), "mleak": XLEAK}.get(csr.name)
    return needed is None or bool(there.intersection(needed))


def _counter_rows() -> list[Row]:
    csrrs = next(i for i in INSTRUCTIONS if i.name == "csrrs")
    return [Row(f"rd{name}", csrrs, (CSR_BY_NAME[name].address,), {"rs1": 0}) for name in COUNTERS]
