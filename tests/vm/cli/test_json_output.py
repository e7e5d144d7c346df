"""`--json`: its keys are those that docs/reference/output.md lists; it is written after an error, too."""

import json
import os
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.cli.command import Outcome, invoke, write
from support.paths import DOCS, PROGRAMS
from trapline.isa.hart import ABI_NAMES
from trapline.vm.cli.json_output import SCHEMA

PAGE = DOCS / "reference" / "output.md"


@dataclass
class Section:
    """What the page says of one kind of object. kinds: `[]`, `{}` or nothing by key; links: to sections, by key."""

    kinds: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    rest: str | None = None


def sections() -> dict[str, Section]:
    """Those of the page, by anchor."""
    found: dict[str, Section] = {}
    for title, body in re.findall(r"^### (.*?)\n(.*?)(?=^#|\Z)", PAGE.read_text(), re.M | re.S):
        section = found[re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-")] = Section()
        for keys, value in re.findall(r"^\| (`.*?`) \| (.*?) \|$", body, re.M):
            link = re.search(r"\]\(#([a-z-]+)\)", value)
            for key, kind in re.findall(r"`([\w.]+?)(\[\]|\{\}|)`", keys):
                if key == "...":
                    assert link is not None
                    section.rest = link[1]
                    continue
                section.kinds[key] = kind
                if link is not None and "as [" not in value:
                    section.links[key] = link[1]
    return found


SECTIONS = sections()
SEEN: dict[str, set[str]] = {}
"""The keys that this test has met, by section."""


@pytest.fixture(autouse=True)
def nothing_seen():
    SEEN.clear()


def check_all_seen() -> None:
    """None is documented that nothing writes, of the kinds of object that this test has met."""
    for anchor, seen in SEEN.items():
        assert set(SECTIONS[anchor].kinds) == seen, anchor


def check(value: dict[str, Any], anchor: str) -> None:
    """The object has keys of a section only."""
    section, seen = SECTIONS[anchor], SEEN.setdefault(anchor, set())
    others = {}
    for key, content in value.items():
        if key not in section.kinds:
            others[key] = content
            continue
        seen.add(key)
        kind, link = section.kinds[key], section.links.get(key)
        assert kind != "[]" or isinstance(content, list), (anchor, key)
        assert kind != "{}" or isinstance(content, dict), (anchor, key)
        if link is not None and content is not None:
            parts = content if kind == "[]" else content.values() if kind == "{}" else [content]
            for part in parts:
                check(part, link)
        else:
            assert kind or not isinstance(content, dict | list), (anchor, key)
    if section.rest is not None and others:
        check(others, section.rest)
    else:
        assert not others, f"{anchor} has keys that are not documented: {', '.join(others)}"


def last_line(outcome: Outcome) -> Any:
    assert outcome.stdout.endswith(b"\n")
    found = json.loads(outcome.stdout.splitlines()[-1])
    assert next(iter(found)) == "schema" and found["schema"] == SCHEMA and isinstance(found["diagnostics"], list)
    return found


SOURCE = "_start: li a0, 7\n li a7, 93\n ecall\n"
POPF = PROGRAMS / "sensitive" / "popf.s"


def test_runs(tmp_path):
    source = write(tmp_path, "main.s", SOURCE)
    check(last_line(invoke("run", source, "--json")), "of-a-run")
    check(last_line(invoke("run", source, "--json", "--registers")), "of-a-run")
    virtual = last_line(invoke("virt", source, "--max-instructions", "100", "--json", "--registers"))
    check(virtual, "of-a-run")
    guests = last_line(invoke("virt", source, source, "--max-instructions", "100", "--json", "--registers"))
    check(guests, "of-several-guests")
    compared = invoke("virt", POPF, "--isa", "rv32ima_xpopf", "--compare", "--technique", "trap", "--json")
    check(last_line(compared), "of-a-comparison")
    check(
        last_line(invoke("sensitive", "popf", "--technique", "trap", "--json")),
        "of-the-suite-of-sensitive-instructions",
    )


def test_classification():
    found = last_line(invoke("classify", "--isa", "rv32ima_xpopf", "--insn", "popf", "--pairs", "200", "--json"))
    check(found, "of-a-classification")
    check_all_seen()


@pytest.mark.slow
def test_benchmarks():
    check(last_line(invoke("bench", "fib", "--repeats", "1", "--no-peer", "--json")), "of-the-benchmarks")
    nano = invoke("bench", "nano", "syscall", "--technique", "trap", "--rounds", "2", "--repeats", "1", "--json")
    check(last_line(nano), "of-the-nano-benchmarks")
    check_all_seen()


@pytest.mark.slow
def test_the_tour():
    check(last_line(invoke("demo", "--json")), "of-the-tour")
    check_all_seen()


BROKEN = ".macro twice x\n frob \\x\n.endm\n_start: addi a0, a0\n twice 3\n"


def test_a_program(tmp_path):
    source = write(tmp_path, "main.s", '.warning "look"\n.include "more.s"\n' + SOURCE)
    write(tmp_path, "more.s", '.warning "here, too"\n')
    found = last_line(invoke("asm", source, "-o", os.devnull, "--json", "--text-base", "0x80000000"))
    check(found, "of-a-program")
    check_all_seen()
    assert (found["entry"], found["symbols"]["_start"]) == ("0x80000000", "0x80000000")
    assert [each["line"] for each in found["diagnostics"]] == [1, 1]


@pytest.mark.parametrize(
    "command", [["asm"], ["run"], ["boot"], ["virt"], ["virt", "--compare"], ["virt", "--explain", "1"]]
)
def test_after_an_assembly_error(tmp_path, command):
    """The same messages on standard error, and the status that the object has."""
    source, report = write(tmp_path, "main.s", BROKEN), tmp_path / "report.json"
    outcome = invoke(*command, source, "--json")
    found = last_line(outcome)
    check(found, "of-an-error")
    check_all_seen()
    assert outcome.status == found["exit_code"] == 2 and found["exit_reason"] == "error"
    first, second = found["diagnostics"]
    assert (first["severity"], first["file"], first["line"], first["column"]) == ("error", str(source), 4, 9)
    assert first["message"] == "'addi' takes 3 operands, not 2" and first["hint"] == "write 'addi rd, rs1, imm12'"
    assert first["source"] == "_start: addi a0, a0" and first["expansions"] == []
    assert second["source"].strip() == "frob 3"
    assert second["expansions"] == [{"what": "macro 'twice'", "file": str(source), "line": 5, "column": 2}]
    for each in found["diagnostics"]:
        assert each["message"] in outcome.message
    assert invoke(*command, source, f"--json={report}").stdout == b""
    assert json.loads(report.read_text()) == found


def test_warnings_are_diagnostics(tmp_path):
    source = write(tmp_path, "main.s", '.warning "look"\n' + SOURCE)
    found = last_line(invoke("run", source, "--json"))
    assert [(d["severity"], d["line"]) for d in found["diagnostics"]] == [("warning", 1)]
    write(tmp_path, "main.s", '.warning "look"\n frob\n')
    found = last_line(invoke("run", source, "--json"))
    assert [d["severity"] for d in found["diagnostics"]] == ["warning", "error"]


@pytest.mark.parametrize(
    "words, file, part",
    [
        (["run", "missing.s"], "missing.s", "No such file"),
        (["boot", "boot/timer.s", "--initrd", "missing"], "missing", "No such file"),
        (["run"], None, "Missing argument"),
        (["demo", "nothing"], None, "no demo named"),
        (["sensitive", "nothing"], None, "nothing"),
        (["classify", "--insn", "nothing"], None, "no instruction 'nothing'"),
        (["bench", "nothing"], None, "no benchmark named"),
        (["bench", "nano", "nothing"], None, "no nano-benchmark named"),
    ],
)  # fmt: skip
def test_after_another_error(words, file, part):
    outcome = invoke(*words, "--json")
    found = last_line(outcome)
    check(found, "of-an-error")
    [only] = found["diagnostics"]
    assert outcome.status == 2 and part in only["message"] and only["file"] == file, only


def test_registers(tmp_path):
    source = write(tmp_path, "main.s", "_start: li s3, 0x12345\n csrw mscratch, s3\n csrr t0, mhartid\n j .\n")
    words = ("--max-instructions", "5000", "--json", "--registers", "--harts", "2")
    for command in (["boot"], ["virt"]):
        first, second = last_line(invoke(*command, source, *words))["harts"]
        assert list(first["registers"]) == list(ABI_NAMES)
        assert (first["mode"], first["registers"]["s3"], second["registers"]["t0"]) == ("M", "0x00012345", "0x00000001")
        assert first["csrs"]["mscratch"] == "0x00012345" and second["csrs"]["mhartid"] == "0x00000001"
        assert "mleak" not in first["csrs"]
    outcome = invoke("boot", source, "--registers")
    assert outcome.status == 2 and "--registers needs --json" in outcome.message
    outcome = invoke("virt", source, "--compare", "--json", "--registers")
    assert outcome.status == 2 and "--registers cannot be used with --compare" in outcome.message


def test_the_version():
    assert f"`schema` is {SCHEMA}." in PAGE.read_text()
