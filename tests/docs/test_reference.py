"""`trapline isa` and the generated page under docs/reference."""

import json

import pytest
from click.testing import CliRunner

from support.paths import DOCS
from trapline.isa import CSRS, INSTRUCTIONS
from trapline.isa.compression import COMPRESSED
from trapline.vm.cli.main import main
from trapline.vm.cli.reference import encoding_table

PAGE = DOCS / "reference/isa.md"


def run(*arguments: str, status: int = 0) -> str:
    """Standard output, or standard error if the call failed."""
    result = CliRunner().invoke(main, ["isa", *arguments])
    assert result.exit_code == status, result.output
    if status:
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr
    return result.stdout


def test_committed_page_is_the_generated_one() -> None:
    generated = run("--markdown")
    assert PAGE.read_text(encoding="utf-8") == generated, (
        "the declarations changed: run `trapline isa --markdown > docs/reference/isa.md`"
    )


def test_list_has_every_instruction_under_its_extension() -> None:
    lines = run().splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert names == [i.name for i in (*INSTRUCTIONS, *COMPRESSED)]
    titles = [line.partition(":")[0] for line in lines if ": " in line and line[0] != " "]
    assert titles[:5] == ["I", "M", "A", "Zicsr", "Zifencei"]
    assert {*titles[5:]} == {"Zba", "Zbb", "Zbs", "Zicbom", "Zicond", "C", "Zcb"}
    assert lines.index("C: compressed instructions") < lines.index(
        "  c.addi rd, imm            addi rd, rd, imm     Add a six-bit immediate."
    )


def test_show_instruction() -> None:
    text = run("show", "mret")
    for part in ("| 0011000 | 00010 | 00000 |", "M mode only", "mstatus.MPIE", "illegal instruction", "Priv 3.3.2"):
        assert part in text
    assert "def mret(h):" in text
    assert "h.pc = h.mepc" in text


def test_show_csr() -> None:
    text = run("show", "mstatus")
    assert "0x300" in text and "write_mstatus" in text
    assert "12:11  MPP" in text
    assert run("show", "0x300") == text


def test_show_compressed_instruction() -> None:
    text = run("show", "c.lwsp")
    for part in (
        "  15 13     12 ",
        "| uimm[5] |",
        "lw rd, uimm(x2)",
        "rd is not x0",
        "0x4002, 0xe003",
        "Unpriv 26.3.1",
    ):
        assert part in text
    shown = json.loads(run("show", "--json", "C.LWSP"))
    assert (shown["base"], shown["expansion"], shown["match"]) == ("lw", "lw rd, uimm(x2)", 0x4002)
    assert shown["differs"] == {"rd": [0]}
    assert "did you mean 'c.lwsp'" in run("show", "c.lwspp", status=2)


def test_show_several_and_in_capitals() -> None:
    text = run("show", "MRET", "satp")
    assert "def mret(h):" in text and "address translation" in text


def test_every_name_can_be_shown() -> None:
    names = [thing.name for thing in (*INSTRUCTIONS, *COMPRESSED, *CSRS)]
    text = run("show", *names)
    for name in names:
        assert f"{name}: " in text


@pytest.mark.parametrize("instruction", [*INSTRUCTIONS, *COMPRESSED], ids=lambda i: i.name)
def test_encoding_table_is_drawn_to_scale(instruction) -> None:
    numbers, rule, cells, last = encoding_table(instruction).splitlines()
    assert len(rule) == len(cells) and rule == last
    assert [c.strip() for c in cells.strip("|").split("|") if c] and numbers.split()[0] == (
        "15" if instruction in COMPRESSED else "31"
    )
    ends = [int(n) for n in numbers.split()]
    assert ends == sorted(ends, reverse=True) and ends[-1] == 0


def test_decode() -> None:
    text = run("decode", "0x00150513", "4294967295")
    assert "00150513  addi a0, a0, 1" in text and "| 000000000001 | 01010 |" in text
    assert "ffffffff  no instruction" in text
    assert "ret = jalr zero, 0(ra)" in run("decode", "0x8067")
    [illegal, ret] = json.loads(run("decode", "--json", "0", "0x8067"))
    assert (illegal["instruction"], illegal["text"]) == (None, ".word 0x00000000")
    assert (ret["instruction"], ret["operands"]) == ("jalr", {"imm": 0, "rs1": 1, "rd": 0})
    text = run("decode", "0x4501", "0x1d0f0")
    assert "4501  li a0, 0 = c.li a0, 0\n" in text and "|   0    | 01010 |  00000   | 01  |" in text
    assert "stands for 00000513  addi a0, zero, 0\n" in text and "0001d0f0  no instruction" in text
    [compressed] = json.loads(run("decode", "--json", "0x717d"))
    assert (compressed["instruction"], compressed["text"]) == ("c.addi16sp", "c.addi16sp sp, -16")
    assert compressed["operands"] == {"imm": 0xFFFFFFF0}
    assert "longer than 32 bits" in run("decode", "0x100000000", status=2)
    assert "is not a number" in run("decode", "addi", status=2)


def test_csrs() -> None:
    text = run("csrs")
    assert "mhpmcounter3 to mhpmcounter31" in text
    for csr in CSRS:
        if not csr.name.startswith(("hpm", "mhpm")):
            assert f" {csr.name} " in text


def test_json() -> None:
    everything = json.loads(run("--json"))
    assert [i["name"] for i in everything["instructions"]] == [i.name for i in INSTRUCTIONS]
    assert [c["name"] for c in everything["compressed"]] == [c.name for c in COMPRESSED]
    assert everything["csrs"] == json.loads(run("csrs", "--json"))
    mret = json.loads(run("show", "mret", "--json"))
    assert (mret["match"], mret["mask"], mret["privilege"]) == (0x30200073, 0xFFFFFFFF, "M")
    both = json.loads(run("show", "--json", "mret", "mstatus"))
    assert both[0] == mret and both[1]["address"] == 0x300


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("addii", "did you mean 'addi'?"),
        ("mret ", "did you mean 'mret'?"),
        ("msatus", "did you mean 'mstatus'?"),
        ("ret", "pseudo-instruction for 'jalr zero, 0(ra)'; try 'trapline isa show jalr'"),
        ("0x123", "no CSR has the address 0x123"),
        ("0xzz", "no CSR has the address 0xzz"),
        ("\x1b[31mxyzzyxyzzy", "'?[31mxyzzyxyzzy'; 'trapline isa' lists"),
        ("", "no instruction or CSR ''"),
    ],
)
def test_unknown_name(name: str, answer: str) -> None:
    assert answer in run("show", name, status=2)


@pytest.mark.parametrize("arguments", [("show",), ("shw",), ("--json", "--markdown"), ("--json", "csrs"), ("--bad",)])
def test_bad_usage(arguments: tuple[str, ...]) -> None:
    assert "Error: " in run(*arguments, status=2)
