"""A classification as text, Markdown and JSON."""

from collections.abc import Callable, Iterator
from typing import Any

from trapline.isa.compression import COMPRESSED
from trapline.isa.isa_string import parse_isa
from trapline.isa.mode import MODE_NAMES
from trapline.vm.classifier.classify import Classification
from trapline.vm.classifier.definitions.questions import Evidence, Witness
from trapline.vm.classifier.theorems import CLASSES, Classified, Theorem
from trapline.vm.classifier.witness.sentences import describe

Disassemble = Callable[[int], str]
"""The assembly of an instruction word."""

TITLES = {
    "1": "a hypervisor can be built",
    "2": "it can run under itself",
    "3": "a hybrid hypervisor can be built",
}
NAMES = "A CSR instruction listed without a CSR covers all CSRs of S and M mode."
STANDS_FOR = (
    "A compressed instruction has the row of the one that it stands for: it is decoded to the same, but for its length."
)
SENSITIVITIES = ("control", "mode", "location", "configuration")
FLAGS = (
    "always_traps", "privileged", "sensitive", "control_sensitive", "behavior_sensitive", "mode_sensitive",
    "location_sensitive", "configuration_sensitive", "timing_dependent", "user_sensitive", "innocuous",
)  # fmt: skip


def evidence_text(row: Classified) -> str:
    """`proved`, `refuted (witness)` or `sampled (n)`, n the number of pairs."""
    if row.evidence is Evidence.REFUTED:
        return "refuted (witness)"
    return f"sampled ({row.pairs:,})" if row.evidence is Evidence.SAMPLED else "proved"


def sensitive_to(row: Classified) -> str:
    """What it is sensitive to."""
    kinds = [name for name in SENSITIVITIES if getattr(row, f"{name}_sensitive")]
    return ", ".join([*kinds, *["time"] * row.timing_dependent])


def sentence(row: Classified, disassemble: Disassemble) -> str:
    """The instruction and its witness in plain words."""
    if row.witness is None:
        return f"{row.reason}: proved possible, but the search has found no such state" if row.reason else ""
    return f"{disassemble(row.witness.word)}: {describe(row.witness)}"


def groups(found: Classification) -> Iterator[tuple[str, list[Classified]]]:
    """The rows by class, in the order of `CLASSES`; empty classes are left out."""
    for name in CLASSES:
        rows = [row for row in found.rows if row.name_of_class == name]
        if rows:
            yield name, rows


def title(found: Classification) -> str:
    """The machine that was classified."""
    return ", ".join([found.isa, *(f"{name} = {value:#x}" for name, value in found.csrs.items())])


def verdict_text(number: str, theorem: Theorem) -> str:
    """One line on a theorem, such as `Theorem 1 (a hypervisor can be built): holds, sampled`."""
    verdict = "holds" if theorem.holds else "does not hold"
    return f"Theorem {number} ({TITLES[number]}): {verdict}, {theorem.evidence.value}"


def stands_for(found: Classification) -> dict[str, str]:
    """The row that each compressed instruction of the machine has."""
    present = parse_isa(found.isa)
    return {compressed.name: compressed.base.name for compressed in COMPRESSED if compressed.extension in present}


def note(found: Classification) -> str:
    """A caveat for theorems over a selection; empty for a whole machine."""
    return "" if found.complete else "The theorems are about these instructions alone, not about a whole machine."


def as_text(found: Classification, disassemble: Disassemble) -> str:
    """The report as plain text: the rows by class, then the theorems."""
    lines = [title(found), NAMES, *[STANDS_FOR] * bool(stands_for(found)), ""]
    width = max(len(row.row.name) for row in found.rows)
    for name, rows in groups(found):
        lines.append(f"{name} ({len(rows)})")
        for row in rows:
            text = sentence(row, disassemble)
            kinds = sensitive_to(row)
            parts = [f"{row.row.name:<{width}}", f"{evidence_text(row):<17}", f"[{kinds}]" if kinds else "", text]
            lines.append("  " + "  ".join(part for part in parts if part).rstrip())
        lines.append("")
    for number, theorem in found.theorems.items():
        lines.append(verdict_text(number, theorem))
        lines += [f"  {reason}" for reason in theorem.because]
    if note(found):
        lines.append(note(found))
    return "\n".join(lines) + "\n"


def as_markdown(found: Classification, disassemble: Disassemble) -> str:
    """The report as a Markdown page."""
    lines = [
        f"# {title(found)}",
        "",
        "| instruction | class | sensitive to | evidence | witness |",
        "|---|---|---|---|---|",
    ]
    for name, rows in groups(found):
        for row in rows:
            text = sentence(row, disassemble).replace("|", "\\|")
            lines.append(f"| `{row.row.name}` | {name} | {sensitive_to(row)} | {evidence_text(row)} | {text} |")
    for number, theorem in found.theorems.items():
        lines += ["", f"## {verdict_text(number, theorem)}", ""]
        lines += [f"- {reason}" for reason in theorem.because]
    if stands_for(found):
        lines += ["", STANDS_FOR]
    if note(found):
        lines += ["", note(found)]
    return "\n".join(lines) + "\n"


def as_json(found: Classification, disassemble: Disassemble) -> dict[str, Any]:
    """The report as a JSON object."""
    return {
        "isa": found.isa,
        "csr": dict(found.csrs),
        "complete": found.complete,
        "stands_for": stands_for(found),
        "theorems": {
            number: {
                "holds": theorem.holds,
                "because": list(theorem.because),
                "broken_by": list(theorem.broken_by),
                "evidence": theorem.evidence.value,
            }
            for number, theorem in found.theorems.items()
        },
        "instructions": [_row_json(row, disassemble) for row in found.rows],
    }


def _row_json(row: Classified, disassemble: Disassemble) -> dict[str, Any]:
    return {
        "name": row.row.name,
        "class": row.name_of_class,
        **{flag: getattr(row, flag) for flag in FLAGS},
        "privileged_pairs": list(row.privileged_pairs),
        "evidence": row.evidence.value,
        "pairs": row.pairs,
        "witness": witness_json(row.witness, disassemble) if row.witness else None,
        "questions": {
            str(question): {"yes": answer.yes, "evidence": answer.evidence.value, "tried": answer.pairs}
            for question, answer in row.answers.items()
        },
    }


def witness_json(witness: Witness, disassemble: Disassemble) -> dict[str, Any]:
    """A witness with all that is needed to repeat it."""
    return {
        "question": str(witness.question),
        "text": describe(witness),
        "word": witness.word,
        "assembly": disassemble(witness.word),
        "states": [
            {"mode": MODE_NAMES[s.values["mode"]], "relocation": s.relocation, "values": dict(s.values)}
            for s in witness.states
        ],
        "causes": list(witness.outcomes),
        "changes": [dict(changes) for changes in witness.changes],
    }
