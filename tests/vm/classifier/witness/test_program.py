"""A witness as a program: it assembles, runs, and prints different things in the two states of the witness.

Witnesses made by hand, and those that the search finds for all rows that are not innocuous.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.gnu import build, qemu_system
from support.machines import RAM, M, S, U, csr_word, encode
from trapline import Machine
from trapline.asm.disassembler.instruction import disassemble
from trapline.isa.extension import XLEAK
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.classify import Classifier
from trapline.vm.classifier.definitions.memory import PAGE, RAM_BASE
from trapline.vm.classifier.definitions.questions import Kind, Question, State, Witness
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.classifier.search.search import Search
from trapline.vm.classifier.witness.program import program
from trapline.vm.machine import ExitReason

PC = RAM + 0x800
DATA = RAM_BASE + 2 * PAGE + 0x800
"""In the page that some relocations lack."""

SECRET = RAM_BASE + 4 * PAGE + 0x800
"""In the page of S mode."""


def run(witness: Witness, isa: str) -> list[str]:
    """What the witness's program prints about each state, without the lines that name the states."""
    machine = Machine.from_source(program(witness, isa, disassemble), isa=isa, memory=1 << 20)
    exit = machine.run(max_instructions=50_000)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 0), str(exit)
    return said(machine.console.output.decode())


def said(output: str) -> list[str]:
    """The parts of an output in the order of the states."""
    parts = re.split(r"^\S.* in state (\d), .*:\n", output, flags=re.M)[1:]
    return [text for _, text in sorted(zip(parts[::2], parts[1::2], strict=True))]


def pair(kind: Kind, word: int, one: State, other: State, changes: tuple[dict[str, int], dict[str, int]]) -> Witness:
    modes = (one.values["mode"], other.values["mode"]) if kind is Kind.MODE else (one.values["mode"],)
    return Witness(Question(kind, modes), word, (one, other), (None, None), changes)


def single(kind: Kind, word: int, state: State, changes: dict[str, int], outcome: int | None = None) -> Witness:
    return Witness(Question(kind, (state.values["mode"],)), word, (state,), (outcome,), (changes,))


def at(mode: int, relocation: str = "bare", **values: int) -> State:
    return State({"mode": mode, "pc": PC, **values}, relocation)


A0, A1 = "x10", "x11"
ON = {"pc": PC + 4}

HOLES = {
    "popf": pair(Kind.MODE, encode("popf", rs1=11), at(U, x11=2), at(S, x11=2), (ON, ON | {"mstatus": 2})),
    "pushf": pair(Kind.CONFIGURATION, encode("pushf", rd=10), at(U), at(U, mstatus=2), (ON, ON | {A0: 2})),
    "rdmode": pair(Kind.MODE, encode("rdmode", rd=10), at(S), at(M), (ON | {A0: 1}, ON | {A0: 3})),
    "sidt": pair(Kind.CONFIGURATION, encode("sidt", rd=10), at(U), at(U, stvec=4), (ON, ON | {A0: 4})),
    "sgdt": pair(
        Kind.LOCATION, encode("sgdt", rd=10), at(U, "sv32-a"), at(U, "sv32-b"),
        (ON | {A0: 0x8008000A}, ON | {A0: 0x8008000B}),
    ),
    "jrst": pair(Kind.MODE, encode("jrst", rs1=11), at(U), at(S), ({"pc": 0}, {"pc": 0, "mode": 0})),
    "probe": pair(
        Kind.LOCATION, encode("probe", rd=10, rs1=11), at(U, "sv32-a", x11=DATA), at(U, "sv32-a-absent", x11=DATA),
        (ON | {A0: 1}, ON),
    ),
    "lra": pair(
        Kind.LOCATION, encode("lra", rd=10, rs1=11), at(S, "sv32-a", x11=DATA), at(S, "sv32-b", x11=DATA),
        (ON | {A0: DATA}, ON | {A0: DATA + 5 * PAGE}),
    ),
}  # fmt: skip

PRIVILEGED = {
    "csrr sstatus": pair(
        Kind.CONFIGURATION, csr_word("csrrs", "sstatus", 10), at(S), at(S, mstatus=2), (ON, ON | {A0: 2})
    ),
    "csrr satp": pair(
        Kind.LOCATION, csr_word("csrrs", "satp", 10), at(S, "sv32-a"), at(S, "sv32-b"), (ON, ON)
    ),
    "csrr mip": pair(
        Kind.CONFIGURATION, csr_word("csrrs", "mip", 10), at(M), at(M, lines=0xA88), (ON, ON | {A0: 0xA88})
    ),
    "csrr time": pair(
        Kind.TIME, csr_word("csrrs", "time", 10), at(U, mcounteren=2, scounteren=2),
        at(U, mcounteren=2, scounteren=2, time_base=1), (ON, ON | {A0: 1}),
    ),
    "csrr pmpaddr0": pair(
        Kind.LOCATION, csr_word("csrrs", "pmpaddr0", 10), at(M, "bare-locked"), at(M), (ON | {A0: 0x200009FF}, ON)
    ),
}  # fmt: skip

ALONE = {
    "csrrw mstatus": single(Kind.CONTROL, csr_word("csrrw", "mstatus", 0, 11), at(M, x11=8), ON | {"mstatus": 8}),
    "csrrw stvec": single(Kind.CONTROL, csr_word("csrrw", "stvec", 0, 11), at(S, x11=4), ON | {"stvec": 4}),
    "csrrw satp": single(Kind.CONTROL, csr_word("csrrw", "satp"), at(S), ON | {"translations dropped": 1}),
    "csrrw mtvec": single(Kind.CONTROL, csr_word("csrrw", "mtvec", 0, 11), at(M, x11=4), ON | {"mtvec": 4}),
    "csrrw pmpcfg0": single(Kind.CONTROL, csr_word("csrrw", "pmpcfg0"), at(M), ON | {"translations dropped": 1}),
    "mret": single(Kind.CONTROL, encode("mret"), at(M), {"pc": 0, "mode": 0, "mstatus": 0x80}),
    "sret": single(Kind.CONTROL, encode("sret"), at(S, mstatus=0x20), {"pc": 0, "mode": 0, "mstatus": 0x22}),
    "wfi": single(Kind.CONTROL, encode("wfi"), at(S), ON | {"waits": 1}),
    "wfi in M mode": single(Kind.CONTROL, encode("wfi"), at(M), ON | {"waits": 1}),
    "sfence.vma": single(Kind.CONTROL, encode("sfence.vma"), at(S), ON | {"translations dropped": 1}),
    "sfence.vma in M mode": single(Kind.CONTROL, encode("sfence.vma"), at(M), ON | {"translations dropped": 1}),
    "sw": single(Kind.EXECUTES, encode("sw", rs1=11, rs2=12), at(U, "sv32-b", x11=DATA, x12=5), {f"memory[{DATA}]": 5}),
    "a load under MPRV": single(
        Kind.EXECUTES, encode("lw", rd=10, rs1=11),
        at(M, "sv32-b", x11=SECRET, mstatus=0x20800, **{f"memory[{SECRET:#x}]": 7}), ON | {A0: 7},
    ),
    "a jump to itself": single(Kind.EXECUTES, encode("jal"), at(M), {"pc": PC}),
}  # fmt: skip

TRAPS = {
    "ecall": single(Kind.TRAPS, encode("ecall"), at(S), {}, 9),
    "ecall in M mode": single(Kind.TRAPS, encode("ecall"), at(M), {}, 11),
    "mret": single(Kind.TRAPS, encode("mret"), at(U, "sv32-b"), {}, 2),
    "sret with TSR": single(Kind.TRAPS, encode("sret"), at(S, mstatus=0x400000), {}, 2),
    "wfi": single(Kind.TRAPS, encode("wfi"), at(U), {}, 2),
    "csrr mhartid": single(Kind.TRAPS, csr_word("csrrs", "mhartid", 10), at(S), {}, 2),
    "a fixed hole": single(Kind.TRAPS, encode("popf"), at(U, mleak=1), {}, 2),
}


@pytest.mark.parametrize("name", [*HOLES, *PRIVILEGED])
def test_the_two_states_print_different_things(name: str) -> None:
    witness = (HOLES | PRIVILEGED)[name]
    one, other = run(witness, f"rv32ima_x{name}" if name in HOLES else "rv32ima")
    assert one != other
    assert one.startswith("  executes\n") and other.startswith("  executes\n")
    for text, changes in zip((one, other), witness.changes, strict=True):
        for register in (A0,) if A0 in changes else ():
            assert re.search(rf"^  a0 +00000000 -> {changes[register]:08x}$", text, re.M)


def test_there_is_a_witness_for_every_hole() -> None:
    assert [f"x{name}" for name in HOLES] == list(XLEAK)


@pytest.mark.parametrize("name", ALONE)
def test_what_an_instruction_changes_is_printed(name: str) -> None:
    (text,) = run(ALONE[name], "rv32ima")
    assert text.startswith("  executes\n")
    assert any(before != after for before, after in re.findall("([0-9a-f]{8}) -> ([0-9a-f]{8})", text)), text


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_printed_with_its_cause(name: str) -> None:
    isa = "rv32ima_xpopf" if name == "a fixed hole" else "rv32ima"
    assert run(TRAPS[name], isa) == [f"  traps, cause {TRAPS[name].outcomes[0]:08x}\n"]


@pytest.mark.parametrize("registers", [(5, 6), (31, 30), (29, 2), (28, 1), (8, 10)])
def test_any_register_may_be_an_operand(registers: tuple[int, int]) -> None:
    rd, rs1 = registers
    word = encode("lra", rd=rd, rs1=rs1)
    states = (at(U, "sv32-a", **{f"x{rs1}": DATA}), at(U, "sv32-b", **{f"x{rs1}": DATA}))
    one, other = run(pair(Kind.LOCATION, word, *states, (ON, ON)), "rv32ima_xlra")
    assert f"-> {DATA:08x}\n" in one
    assert f"-> {DATA + 5 * PAGE:08x}\n" in other


def test_the_text_is_for_reading() -> None:
    text = program(HOLES["popf"], "rv32ima_xpopf", disassemble, "out.s")
    assert text.startswith("# out.s - popf a1: mode(U, S)\n")
    assert "\n# isa: rv32ima_xpopf\n" in text
    assert "sstatus.SIE becomes 1" in text
    assert "\n#   trapline boot out.s --isa rv32ima_xpopf\n" in text
    assert "\n#   x11 = 0x00000002\n" in text
    assert max(map(len, text.splitlines())) <= 120
    assert text.isascii() and text.endswith("\n") and "@" not in text


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(ValueError, match="0xffffffff encodes no instruction"):
        program(replace(HOLES["popf"], word=0xFFFFFFFF), "rv32ima", disassemble)
    elsewhere = (at(U, "sv48"), at(S, "sv48"))
    with pytest.raises(ValueError, match="no relocation 'sv48'; known: bare, sv32-a"):
        program(replace(HOLES["popf"], states=elsewhere), "rv32ima", disassemble)


@pytest.mark.parametrize("name", ["csrr sstatus", "mret", "sret", "csrrw stvec"])
def test_gnu_as_and_qemu_agree(name: str, tool, tmp_path: Path) -> None:
    witness = (PRIVILEGED | ALONE)[name]
    source = tmp_path / "witness.s"
    source.write_text(program(witness, "rv32ima", disassemble))
    outcome = qemu_system(tool, build(tool, [source], tmp_path / "witness", text_base=RAM))
    assert (said(outcome.output.decode()), outcome.status) == (run(witness, "rv32ima"), 0)


def test_every_witness_of_a_report_runs() -> None:
    """All rows that are not innocuous, with every hole: their witnesses as programs."""
    isa = "rv32ima_xleak"
    extensions = parse_isa(isa)
    classifier = Classifier(Search(extensions, engine=os.environ.get("TRAPLINE_ENGINE", "numba")))
    shown = set()
    for row in rows(extensions):
        if row.instruction.kind.name not in ("SYSTEM", "CSR"):
            continue
        for question, witness in classifier.classified(row, 300).witnesses.items():
            texts = run(witness, isa)
            assert len(texts) == len(set(texts)) == len(witness.states), (row.name, str(question), texts)
            traps = question.kind is Kind.TRAPS
            assert all(text.startswith("  traps" if traps else "  executes") for text in texts), (row.name, texts)
            shown.add(row.name)
    assert len(shown) >= 24, shown


def test_the_command_writes_a_program_that_runs(tmp_path: Path) -> None:
    file = tmp_path / "popf.s"
    options = ("--isa", "rv32ima_xpopf", "--pairs", "300")
    assert invoke("classify", *options, "--insn", "popf", "--witness", file).status == 0
    assert file.read_text().startswith("# popf.s - popf ")
    outcome = invoke("boot", file, "--isa", "rv32ima_xpopf")
    assert outcome.status == 0
    one, other = said(outcome.stdout.decode())
    assert one != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--witness needs exactly one --insn NAME"),
        (("--insn", "mret", "--insn", "sret"), "--witness needs exactly one --insn NAME"),
        (("--insn", "add"), "'add' is innocuous: there is no witness to write"),
        (("--insn", "ecall"), "'ecall' is always-traps: there is no witness to write"),
        (("--insn", "mret", "--witness", "nowhere/at/all.s"), "nowhere/at/all.s"),
    ],
)
def test_a_witness_that_cannot_be_written(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    outcome = invoke("classify", "--pairs", "60", "--witness", tmp_path / "out.s", *arguments)
    assert outcome.status == 2
    assert message in outcome.message
    assert not (tmp_path / "out.s").exists()
