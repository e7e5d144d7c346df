"""docs/holes.md is generated from its data, and wrong data is refused."""

import importlib.util
import re
from pathlib import Path

import pytest

from support.paths import DOCS
from trapline.isa import INSTRUCTIONS
from trapline.isa.extension import XLEAK

SPEC = importlib.util.spec_from_file_location("holes", DOCS / "holes.py")
assert SPEC is not None and SPEC.loader is not None
holes = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(holes)

GROUPS = {
    "Sensitive register instructions": "SGDT SIDT SLDT SMSW PUSHF POPF",
    "Protection system references": "LAR LSL VERR VERW POP PUSH CALL JMP INT RET STR MOV",
}
"""The names of Robin and Irvine (2000), in their groups and order."""


def test_committed_page_is_the_generated_one() -> None:
    page = (DOCS / "holes.md").read_text(encoding="utf-8")
    assert page == holes.markdown(holes.load()), "run `python docs/holes.py > docs/holes.md`"


def test_names_of_robin_and_irvine() -> None:
    machines = {m["name"]: m["instruction"] for m in holes.load()["machine"]}
    found: dict[str, list[str]] = {}
    for instruction in machines["x86"]:
        found.setdefault(instruction["group"], []).append(instruction["name"].split()[0])
    assert found == {group: names.split() for group, names in GROUPS.items()}
    assert {"VAX", "68000", "PDP-10", "S/360-67", "ARMv7-A", "MIPS"} <= set(machines)


def test_holes_are_those_of_the_instruction_table() -> None:
    data = holes.load()
    declared = {i.name: i.extension for i in INSTRUCTIONS if i.extension in XLEAK}
    named = {name: hole["extension"] for name, hole in data["holes"].items()}
    assert list(named.items()) == sorted(declared.items(), key=lambda item: XLEAK.index(item[1]))
    modelled = {hole for m in data["machine"] for i in m["instruction"] for hole in i["holes"]}
    assert modelled == set(named), "each hole is modelled on an instruction of a real machine"


def test_tables_are_rectangular() -> None:
    page = (DOCS / "holes.md").read_text(encoding="utf-8")
    for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ('class = ["location"]', 'class = ["locaton"]', "x86, SGDT: unknown class 'locaton'"),
        ('holes = ["sgdt"]', 'holes = ["sgtd"]', "x86, SGDT: unknown hole 'sgtd'"),
        ('sources = ["ri00",', 'sources = ["ri99",', "x86: unknown source 'ri99'"),
        ('class = ["location"]', "class = []", "x86, SGDT: has no class"),
        ('why = "stores GDTR', 'because = "stores GDTR', "x86, SGDT: has .*needs"),
        ("[holes]", '[holes]\n[sources.x]\nbook = ""\n[holes]', "Cannot declare"),
        ("pg74 = ", 'idle = "A book"\npg74 = ', "sources that nothing cites: idle"),
    ],
)
def test_wrong_data_is_refused(good: str, bad: str, message: str, tmp_path: Path) -> None:
    text = holes.DATA.read_text(encoding="utf-8")
    assert good in text
    path = tmp_path / "holes.toml"
    path.write_text(text.replace(good, bad, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        holes.load(path)
