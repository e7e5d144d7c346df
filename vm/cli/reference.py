"""The reference of instructions and CSRs as text, as JSON values and as the Markdown page in `docs/reference`."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from trapline.asm.disassembler.instruction import PSEUDO_INSTRUCTIONS
from trapline.isa import CSRS, INSTRUCTIONS, Csr, Instruction
from trapline.isa.cause import EXCEPTIONS
from trapline.isa.compression import COMPRESSED, PARCEL_BITS, Compressed
from trapline.isa.mode import MODE_NAMES, M
from trapline.isa.word import WORD
from trapline.vm.observe import tables

EXTENSION_TITLES = {
    "i": "I: base integer instructions and privileged instructions",
    "m": "M: multiplication and division",
    "a": "A: atomic memory operations",
    "zicsr": "Zicsr: CSR access",
    "zifencei": "Zifencei: instruction-fetch fence",
    "c": "C: compressed instructions",
    "zcb": "Zcb: more compressed instructions",
    "zba": "Zba: addresses in arrays",
    "zbb": "Zbb: basic bit manipulation",
    "zbs": "Zbs: single bits",
    "zicbom": "Zicbom: cache-block management",
    "zicond": "Zicond: conditional zeros",
}

KINDS = {
    "value": "rd receives the meaning's value",
    "branch": "if the meaning holds, pc becomes pc + imm",
    "jump": "rd receives pc + 4, pc the meaning's value",
    "load": "data is read at rs1 + imm, rd receives the meaning's value",
    "store": "the meaning's value is stored at rs1 + imm",
    "amo": "the word at rs1 becomes the meaning's value, rd receives the old word",
    "lr": "data is read at rs1 and reserved, rd receives the meaning's value",
    "sc": "if still reserved, the meaning's value is stored at rs1; rd receives 0 for success or 1",
    "block": "illegal unless the meaning holds; then the cache block at rs1 must be accessible",
    "fence": "orders memory accesses",
    "csr": "rd receives the old value of the CSR, the CSR the meaning's value",
    "system": "the meaning acts on the hart and answers a status or an exception code",
}
"""What the engine does with a meaning function of each kind."""

COMPRESSED_WORDS = (
    "Instructions of 16 bits; each has the meaning of the one of 32 bits that it stands for.",
    "A primed register is one of x8 to x15.",
)

SECTIONS = (
    "Sections are those of the RISC-V specification: Unpriv is volume I (unprivileged architecture), "
    "Priv volume II (privileged architecture)."
)


def extensions() -> Iterator[tuple[str, list[Instruction]]]:
    """Instructions grouped by extension, each group with its title."""
    for extension, group in groupby(INSTRUCTIONS, key=lambda i: i.extension):
        yield EXTENSION_TITLES.get(extension, extension.capitalize()), list(group)


def compressed_extensions() -> Iterator[tuple[str, list[Compressed]]]:
    """Compressed instructions grouped by extension, each group with its title."""
    for extension, group in groupby(COMPRESSED, key=lambda c: c.extension):
        yield EXTENSION_TITLES.get(extension, extension.capitalize()), list(group)


def encoding_table(instruction: Instruction | Compressed, word: int | None = None) -> str:
    """The encoding drawn as one row of cells, the number of a cell's first and last bit above it.

    With `word` a second row has its bits.
    """
    position = PARCEL_BITS if isinstance(instruction, Compressed) else 8 * WORD
    numbers, cells, values = [], [], []
    for token in instruction.pattern.text.split():
        width = _token_width(token)
        high, low = position - 1, position - width
        position = low
        several = f"{high} {low}"
        bits = "" if word is None else f"{(word >> low) & ((1 << width) - 1):0{width}b}"
        room = max(len(token), len(several) if high != low else len(str(high)), len(bits))
        gap = " " * (room - len(several) + 1)
        numbers.append(f" {high}{gap}{low} " if high != low else f" {high:^{room}} ")
        cells.append(f" {token:^{room}} ")
        values.append(f" {bits:^{room}} ")
    rule = "+" + "+".join("-" * len(cell) for cell in cells) + "+"
    rows = [cells] if word is None else [cells, values]
    return "\n".join([(" " + " ".join(numbers)).rstrip(), rule, *(f"|{'|'.join(row)}|" for row in rows), rule])


def _token_width(token: str) -> int:
    from trapline.isa.instruction import WIDTHS

    if token in WIDTHS:
        return WIDTHS[token]
    ranges = re.findall(r"(\d+)(?::(\d+))?", token) if "[" in token else []
    return sum(int(high) - int(low or high) + 1 for high, low in ranges) or len(token)


def assembly_syntax(instruction: Instruction | Compressed) -> str:
    """The instruction as it is written, such as `lw rd, offset(rs1)`."""
    return f"{instruction.name} {instruction.syntax}".strip()


def source_of(function: Callable[..., Any]) -> str:
    """The Python source of a meaning function, with its declaration."""
    return textwrap.dedent(inspect.getsource(function)).rstrip()


def instruction_facts(instruction: Instruction) -> list[tuple[str, str]]:
    """Name and value of everything that the declaration says, apart from encoding and meaning."""
    facts = [
        ("syntax", assembly_syntax(instruction)),
        ("match, mask", f"{instruction.match:#010x}, {instruction.mask:#010x}"),
        ("extension", instruction.extension),
        ("privilege", {"U": "any mode", "S": "S mode or higher", "M": "M mode only"}[instruction.privilege]),
        ("kind", f"{instruction.kind.value} ({KINDS[instruction.kind.value]})"),
        ("memory", f"{instruction.width} byte{'s'[: instruction.width > 1]}" if instruction.width else ""),
        ("reads", ", ".join(instruction.reads)),
        ("writes", ", ".join(instruction.writes)),
        ("causes", ", ".join(EXCEPTIONS[c] for c in instruction.causes)),
        ("section", instruction.section),
    ]
    return [(name, value) for name, value in facts if value]


def instruction_json(instruction: Instruction) -> dict[str, Any]:
    """The declaration as JSON values; match and mask are numbers."""
    return {
        "name": instruction.name,
        "syntax": instruction.syntax,
        "summary": instruction.summary,
        "extension": instruction.extension,
        "privilege": instruction.privilege,
        "kind": instruction.kind.value,
        "pattern": instruction.pattern.text,
        "match": instruction.match,
        "mask": instruction.mask,
        "width": instruction.width,
        "reads": list(instruction.reads),
        "writes": list(instruction.writes),
        "causes": [EXCEPTIONS[c] for c in instruction.causes],
        "section": instruction.section,
        "meaning": source_of(instruction.meaning),
    }


def compressed_facts(compressed: Compressed) -> list[tuple[str, str]]:
    """Name and value of everything that the declaration of a compressed instruction says, apart from its encoding."""
    pattern = compressed.pattern
    never = [
        f"{name} is not {' or '.join(f'x{value}' if name.startswith('r') else str(value) for value in values)}"
        for name, values in compressed.differs.items()
    ]
    facts = [
        ("syntax", assembly_syntax(compressed)),
        ("stands for", compressed.text),
        ("operands", ", ".join(never)),
        ("match, mask", f"{pattern.match:#06x}, {pattern.mask:#06x}"),
        ("extension", " and ".join(compressed.needs)),
        ("section", compressed.section),
    ]
    return [(name, value) for name, value in facts if value]


def compressed_json(compressed: Compressed) -> dict[str, Any]:
    """The declaration of a compressed instruction as JSON values; match and mask are numbers of 16 bits."""
    return {
        "name": compressed.name,
        "syntax": compressed.syntax,
        "summary": compressed.summary,
        "extension": compressed.extension,
        "pattern": compressed.pattern.text,
        "match": compressed.pattern.match,
        "mask": compressed.pattern.mask,
        "expansion": compressed.text,
        "base": compressed.base.name,
        "differs": {name: list(values) for name, values in compressed.differs.items()},
        "section": compressed.section,
    }


def csr_facts(csr: Csr) -> list[tuple[str, str]]:
    """Name and value of what the declaration of a CSR says, apart from its fields."""
    reset = "" if csr.storage is None or not csr.write_mask else f"{csr.reset:#010x}"
    facts = [
        ("address", f"{csr.address:#05x}"),
        ("privilege", f"{MODE_NAMES.get(csr.privilege, '?')} mode or higher" if csr.privilege < M else "M mode only"),
        ("access", csr_access(csr)),
        ("reset", reset),
        ("value", "" if csr.constant is None else f"always {csr.constant:#x}"),
        ("section", csr.section),
    ]
    return [(name, value) for name, value in facts if value]


def csr_access(csr: Csr) -> str:
    """Whether software may write it."""
    if csr.read_only:
        return "read only (a write is illegal)"
    return "read and write" if csr.write_mask else "read and write, writes are ignored"


def csr_json(csr: Csr) -> dict[str, Any]:
    """The declaration of a CSR as JSON values; address and masks are numbers."""
    return {
        "name": csr.name,
        "address": csr.address,
        "summary": csr.summary,
        "privilege": MODE_NAMES.get(csr.privilege, "?"),
        "read_only": csr.read_only,
        "constant": csr.constant,
        "reset": csr.reset,
        "write_mask": csr.write_mask,
        "fields": [
            {"name": f.name, "high": f.high, "low": f.low, "rule": f.rule, "summary": f.summary} for f in csr.fields
        ],
        "section": csr.section,
    }


def field_rows(csr: Csr) -> list[tuple[str, str, str, str]]:
    """Bits, name, rule and summary of each field, from the highest bit down."""
    return [
        (f"{f.high}:{f.low}" if f.high != f.low else str(f.high), f.name, f.rule, f.summary)
        for f in sorted(csr.fields, key=lambda f: -f.high)
    ]


def csr_rows() -> list[tuple[str, str, str, str]]:
    """Address, name, lowest mode and summary of each CSR; a numbered run of like registers is one row."""
    rows = []
    runs: list[list[Csr]] = []
    for csr in CSRS:
        last = runs[-1][-1] if runs else None
        if last and last.summary == csr.summary and last.address + 1 == csr.address and _family(last) == _family(csr):
            runs[-1].append(csr)
        else:
            runs.append([csr])
    for run in runs:
        first, last = run[0], run[-1]
        several = len(run) > 1
        address = f"{first.address:#05x}-{last.address:03x}" if several else f"{first.address:#05x}"
        name = f"{first.name} to {last.name}" if several else first.name
        rows.append((address, name, MODE_NAMES.get(first.privilege, "?"), first.summary))
    return rows


def _family(csr: Csr) -> str:
    return re.sub(r"\d+", "#", csr.name)


def markdown() -> str:
    """The reference page: every instruction, pseudo-instruction and CSR."""
    lines = [
        "# Instruction and CSR reference",
        "",
        "Generated from the declarations in `isa/` by `trapline isa --markdown`; do not edit.",
        "",
        SECTIONS,
        "",
    ]
    for title, group in extensions():
        lines += [f"## {title}", ""]
        lines += _table(
            ("instruction", "what it does", "mode", "section"),
            [(f"[`{assembly_syntax(i)}`](#{_anchor(i.name)})", i.summary, i.privilege, i.section) for i in group],
        )
    for title, compressed in compressed_extensions():
        lines += [f"## {title}", "", *COMPRESSED_WORDS, ""]
        lines += _table(
            ("instruction", "stands for", "what it does", "section"),
            [
                (f"[`{assembly_syntax(c)}`](#{_anchor(c.name)})", f"`{c.text}`", c.summary, c.section)
                for c in compressed
            ],
        )
    lines += ["## Pseudo-instructions", ""]
    lines += ["The disassembler writes these, the assembler takes them and more.", ""]
    lines += _table(
        ("written", "stands for"),
        [(f"`{f'{s.name} {s.syntax}'.strip()}`", f"`{s.expansion}`") for s in PSEUDO_INSTRUCTIONS],
    )
    lines += ["## Every instruction", ""]
    for instruction in INSTRUCTIONS:
        lines += _instruction_section(instruction)
    lines += ["## Every compressed instruction", ""]
    for c in COMPRESSED:
        lines += _section(c, compressed_facts(c))
    lines += ["## CSRs", ""]
    lines += _table(
        ("address", "name", "mode", "what it is"),
        [
            (f"`{address}`", f"`{name.replace(' to ', '` to `')}`", mode, summary)
            for address, name, mode, summary in csr_rows()
        ],
    )
    for csr in CSRS:
        if len(csr.fields) > 1:
            lines += [f"### {csr.name}", "", f"{_sentence(csr.summary)} {_facts(csr_facts(csr))}", ""]
            lines += _table(("bits", "field", "rule", "what it is"), field_rows(csr))
    return "\n".join(lines).rstrip() + "\n"


def _instruction_section(instruction: Instruction) -> list[str]:
    meaning = ["```python", source_of(instruction.meaning), "```", ""]
    return [*_section(instruction, instruction_facts(instruction)), *meaning]


def _section(instruction: Instruction | Compressed, facts: Sequence[tuple[str, str]]) -> list[str]:
    return [
        f"### {instruction.name}",
        "",
        instruction.summary,
        "",
        "```text",
        encoding_table(instruction),
        "```",
        "",
        *(f"- {name}: {f'`{value}`' if name in ('syntax', 'stands for') else value}" for name, value in facts),
        "",
    ]


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return _sentence("; ".join(f"{name} {value}" for name, value in facts))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [*tables.markdown(headings, rows), ""]
