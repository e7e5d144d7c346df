"""Refused plugins: one message with the place, the mistake and the remedy; nothing stays declared."""

import copy
import os
import re
import sys
from pathlib import Path

import pytest

import trapline.asm.instructions.pseudo_instructions  # noqa: F401  (names that are taken)
from support.isa.plugins import FIRST, NONE, R_ONE, RD, B, I, J, R, S, U, declaration, plugin, system, value
from trapline.isa import BY_NAME, INSTRUCTIONS, decode, table
from trapline.isa.extension import GROUPS, OPTIONAL
from trapline.isa.instruction import DECLARED
from trapline.isa.plugin.load import PluginError, load, loaded

DOUBLING = "def f0(a):\n    return a + 1 + 1\n" + "".join(
    f"def f{i + 1}(a):\n    return f{i}(f{i}(a))\n" for i in range(30)
)
"""A few lines that would take 2^30 additions."""

GOOD = value("return u32(rs1 + rs2)")


def of_extension(name: str) -> str:
    """A declaration whose only mistake is its extension."""
    return GOOD.replace("xmine", name)


def state() -> tuple:
    """All that loading changes."""
    tables = (list(INSTRUCTIONS), dict(BY_NAME), list(OPTIONAL), dict(GROUPS), list(DECLARED), table.added())
    return copy.copy(tables), copy.deepcopy({k: len(v) for k, v in table._BY_OPCODE.items()}), set(sys.modules)


def refusal(path: Path | str) -> str:
    """The one-line message with which a plugin is refused; the tables are unchanged afterwards."""
    before = state()
    with pytest.raises(PluginError) as caught:
        load(path)
    tables, opcodes, modules = state()
    assert (tables, opcodes) == before[:2]
    assert not {m for m in modules - before[2] if m.startswith("plugin_")}
    message = str(caught.value)
    assert message.startswith(f"{path}:") and "\n" not in message, message
    return message


FORM = [
    (value("return rs1", pattern="0000000 rs2 rs1 000 rd 0110011"), "encodings of 'add' and 'my' overlap"),
    (value("return rs1", pattern="0000000 rs2 rs1 000 rd 0110011"), "free opcodes are 0101011, 1011011, 1111011"),
    (GOOD + value("return rs1", head="your(rs1, rs2)"), "encodings of 'my' and 'your' overlap"),
    (GOOD + GOOD.replace("000 rd", "001 rd"), "'my' is declared twice"),
    (value("return rs1", head="add(rs1, rs2)"), "'add' is declared twice"),
    (value("return rs1", head="mv(rs1, rs2)"), "'mv' is the name of a pseudo-instruction"),
    (value("return rs1", head="call(rs1, rs2)"), "'call' is the name of a pseudo-instruction"),
    (value("return rs1", head="My(rs1, rs2)"), "'My' is not a mnemonic"),
    (value("return rs1", more="name='two words'"), "'two words' is not a mnemonic"),
    (value("return rs1", more="name=7"), "'7' is not a mnemonic"),
    (value("return rs1", pattern="0000000 rs2 rs1 000 rd 010101"), "31 bits"),
    (value("return rs1", pattern="0000000 rs2 rs1 000 rd 0101001"), "which ends in 11"),
    (value("return rs1", pattern="0000000 rs2 rs1 000 rd 0011111"), "but not in 11111"),
    (value("return rs1", pattern="0101011 rd rs1 000 rs2 0101011"), "'rd' belongs in bits 11:7"),
    (value("return rs1", pattern="0000000000 rs2 rs1 rd 0101011"), "belongs in bits"),
    (value("return rs1", head="my(rs1)", pattern="000000000000000 rs1 rd 0101011", syntax="rd, rs1"), "'rs1' belongs"),
    (value("return 1", head="my()", pattern="000000000000000 aq rl 000 rd 0101011", syntax="rd"), "no operand 'aq'"),
    (value("return rs1", head="my(rs1)", pattern="csr rs1 000 rd 0101011", syntax="rd, rs1, csr"), "no operand 'csr'"),
    (value("return rs1", syntax="rd, rs1"), "writes rd, rs1, the pattern encodes rs2, rs1, rd"),
    (value("return rs1", syntax="rd, rs1, rs2, rs2"), "the pattern encodes"),
    (value("return rs1", syntax="rd, rs1, imm"), "unknown operand 'imm' in the syntax"),
    (value("return imm", head="my(imm)", pattern=I, syntax="rd, rs1, imm20"), "'imm20' stands for an immediate of"),
    (value("return imm", head="my(imm)", pattern=U, syntax="rd, imm12"), "'imm12' stands for an immediate of 12 bits"),
    (value("return data", head="my(data)"), "a value meaning cannot take data"),
    (value("return rs3", head="my(rs3)"), "a value meaning cannot take rs3"),
    (value("return rs1", head="my(rs1, h)"), "a value meaning cannot take h"),
    (value("return imm", head="my(imm)"), "the meaning takes imm, the pattern has none"),
    (value("return rs1", more="privilege='M'"), "only a system instruction can require a mode"),
    (value("return rs1", more="privilege='H'"), "privilege 'H' is not U, S or M"),
    (value("return rs1", more="width=4"), "cannot access 4 bytes"),
    (value("return rs1", more="reads='mode'"), "reads must be a tuple of names"),
    (value("return rs1", more="causes=('boom',)"), "unknown cause 'boom'"),
    (value("return rs1", more="causes=(10,)"), "unknown cause '10'; known: 0 (instruction address misaligned), 1"),
    (value("return rs1", more="colour=3"), "TypeError"),
    (declaration("BRANCH", B, "rs1, rs2, imm12", "my(rs1, rs2)", "return rs1 == rs2"), "'imm12' stands for"),
    (declaration("LOAD", I, "rd, rs1, imm12", "my(data)", "return data", more="width=4"), "writes its address as"),
    (declaration("LOAD", I, "rd, offset(rs1)", "my(data)", "return data", more="width=3"), "cannot access 3 bytes"),
    (declaration("AMO", R, "rd, rs2, (rs1)", "my(old, rs2)", "return old", more="width=2"), "has width 4"),
    (declaration("NOTHING", R, "", "my()", "return 0"), "AttributeError"),
    (of_extension("mine"), "'mine' cannot name a custom extension"),
    (of_extension("xMine"), "'xMine' cannot name"),
    (of_extension("x"), "'x' cannot name"),
    (of_extension("m"), "'m' cannot name"),
    (of_extension("xpopf"), "extension 'xpopf' already exists"),
    (of_extension("xleak"), "extension 'xleak' already exists"),
    (GOOD.replace("def my(rs1, rs2):", "class my:").replace("return", "def __init__(_, rs1):"), "must be a function"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "part"), FORM, ids=[part for _, part in FORM])
def test_form(tmp_path: Path, body: str, part: str) -> None:
    message = refusal(plugin(tmp_path, body))
    assert part in message, message
    assert re.search(r"my_isa\.py:\d+: ", message) or "must be a function" in message, message


HALF = value("return half(rs1)")
FENCE = ("FENCE", "100000000000 00000 111 00000 0001111", "", "my()")
TEXT = [
    (declaration(*FENCE, "return 1"), 1, "a fence does nothing"),
    (value("total = rs1 + rs2", "return u32(total)"), 4, "must be one 'return' of an expression"),
    (value("if rs1: return rs2", "return rs1"), 4, "must be one 'return'"),
    (value("return rs1 if rs2 else 0"), 4, "branches; in a value meaning use where("),
    (value("return where(rs1 and rs2, 1, 0)"), 4, "'rs1 and rs2' branches"),
    (value("return where(not rs1, 1, 0)"), 4, "'not rs1' branches"),
    (value("return where(0 < rs1 < rs2, 1, 0)"), 4, "'0 < rs1 < rs2' branches"),
    (value("return where(rs1 in (1, 2), 1, 0)"), 4, "'rs1 in (1, 2)' branches"),
    (value("return u32(rs1 ** rs2)"), 4, "'rs1 ** rs2' is not allowed in a meaning"),
    (value("return rs1 / 2"), 4, "'rs1 / 2' is not allowed in a meaning"),
    (value("return 1.5"), 4, "'1.5' is not allowed in a meaning"),
    (value("return True"), 4, "'True' is not allowed in a meaning"),
    (value("return [rs1][0]"), 4, "is not allowed in a meaning"),
    (value("return (lambda: 1)()"), 4, "'lambda: 1' cannot be called"),
    (value("return u33(rs1)"), 4, "'u33' is not defined"),
    (value("return print(rs1)"), 4, "'print' is not defined"),
    (value("return MASK & rs1"), 4, "'MASK' is not defined"),
    ("TABLE = [1, 2]\n" + value("return TABLE"), 5, "'TABLE' is neither an integer nor called as a function"),
    ("import math\n" + value("return math.isqrt(rs1)"), 5, "'math.isqrt' cannot be called"),
    ("from math import isqrt\n" + value("return isqrt(rs1)"), 5, "neither a Python function nor an integer"),
    ("from trapline.isa import word\n" + value("return word.u32(rs1)"), 5, "'word.u32' cannot be called; import"),
    (value("return u32(rs1, rs2)"), 4, "'u32' takes 1 arguments, not 2"),
    (value("return u32(value=rs1)"), 4, "with keyword arguments"),
    (value("return abs(rs1, rs2)"), 4, "'abs' takes 1 arguments, not 2"),
    (value("return u32"), 4, "'u32' is neither an integer nor called as a function"),
    (value("return u32(", "  rs1 +", "  99999999999999999999)"), 6, "does not fit 64 bits"),
    ("def half(a):\n    return half(a)\n" + HALF, 1, "'half' calls itself"),
    ("def half(a):\n    while a: a = a - 1\n    return a\n" + HALF, 2, "'while' is not allowed in a value meaning"),
    ("def half(a):\n    if a: return 1\n    return a\n" + HALF, 2, "where(condition"),
    ("def half(a, b=1):\n    return a\n" + value("return half(rs1, rs2)"), 1, "plain parameters"),
    ("half = lambda a: a\n" + HALF, 1, "must be written with 'def'"),
    ("import functools\n@functools.cache\ndef half(a):\n    return a\n" + HALF, 8, "neither a Python function"),
    (DOUBLING + value("return f30(rs1)"), 23, "operations; at most"),
    (system("while h.mode: h.pc = 0", "return -1"), 4, "'while' is not allowed"),
    (system("for i in range(rd): h.pc = 0", "return -1"), 4, "a loop must be over range"),
    (system("for i in range(100000): write_x(h, rd, i)", "return -1"), 2, "operations; at most"),
    (system("import os", "return -1"), 4, "'import' is not allowed in a meaning"),
    (system("with h: return -1", "return -1"), 4, "'with' is not allowed"),
    (system("raise ValueError"), 2, "must return a value on every path"),
    (system("write_x(h, rd, 1)"), 2, "must return a value on every path"),
    (system("if rd == 1:", "    return -1"), 2, "must return a value on every path"),
    (system("if rd == 1:", "    return", "return -1"), 5, "must return a value on every path"),
    (system("h.cycle = 0", "return -1"), 4, "'cycle' is maintained by the machine"),
    (system("h.extensions = 0", "return -1"), 4, "'extensions' is maintained"),
    (system("h.colour = 0", "return -1"), 4, "'colour' is not a field of the hart record"),
    (system("write_x(h, rd, h.fetch_tlb[0])", "return -1"), 4, "'fetch_tlb' is not a field"),
    (system("write_x(h, rd, h.x)", "return -1"), 4, "'x' is an array: write h.x[...]"),
    (system("write_x(h, rd, h.satp[0])", "return -1"), 4, "'satp' is not an array"),
    (system("write_x(h, rd, h.__class__)", "return -1"), 4, "'__class__' is not a field"),
    (system("del h.x", "return -1"), 4, "'del' is not allowed"),
    (system("global a", "return -1"), 4, "'global' is not allowed"),
    (system("if rd:", "    a = 1", "write_x(h, rd, a)", "return -1"), 6, "'a' may have no value here"),
    (system("for i in range(2):", "    a = 1", "write_x(h, rd, a)", "return -1"), 6, "'a' may have no value here"),
    (system("a += 1", "return -1"), 4, "'a' may have no value here"),
    ("from trapline.isa import decode\n" + value("return where(decode(rs1) == 0, 1, 0)"), 0, "' is not allowed in a"),
    (system("x, y = 1, 2", "return -1"), 4, "is not allowed"),
    ("def my(rs1):\n    return rs1\n"
     f'declare(Kind.VALUE, "{R_ONE}", "rd, rs1", "here", extension="xmine")(my)\n', 1, "'my' has no docstring"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "line", "part"), TEXT, ids=[part for _, _, part in TEXT])
def test_text(tmp_path: Path, body: str, line: int, part: str) -> None:
    message = refusal(plugin(tmp_path, body))
    assert part in message, message
    assert not line or f"my_isa.py:{FIRST + line - 1}: " in message, message


TRIAL = [
    (value("return rs1 + rs2"), "not a word in [0, 2^32); u32(...) makes one"),
    (value("return -rs1"), "not a word in [0, 2^32)"),
    (value("return ~rs1"), "not a word"),
    (value("return s32(rs1)"), "not a word"),
    (value("return rs1 == rs2"), "use where(condition, 1, 0)"),
    (value("return rs1 // rs2"), "divides by zero"),
    (value("return rs1 % rs2"), "rs2 = 0x0"),
    (value("return u32(rs1 << rs2)"), "it shifts by"),
    (value("return rs1 >> rs2"), "it shifts by"),
    (value("return rs1 >> ((rs2 & 31) - 5)"), "it shifts by -"),
    (value("return u32((rs1 * rs1 * rs2) >> 40)"), "does not fit 64 bits"),
    (value("return u32(rs1 * rs1 * rs1 * rs1 * rs1)"), "more than 128 bits"),
    ("def nothing(a):\n    b = a\n" + value("return nothing(rs1)"), "it returns None"),
    ("def early(a):\n    b = c\n    c = a\n    return b\n" + value("return early(rs1)"), "'c' may have no value"),
    (declaration("BRANCH", B, "rs1, rs2, label", "my(rs1, rs2)", "return rs1 - rs2"), "not whether to branch"),
    (declaration("JUMP", J, "rd, label", "my(pc, imm)", "return pc + imm"), "not a word"),
    (declaration("JUMP", I, "rd, offset(rs1)", "my(rs1, imm)", "return u32(rs1 + imm)"), "odd address"),
    (declaration("STORE", S, "rs2, offset(rs1)", "my(rs2)", "return rs2", more="width=1"), "not a value in [0, 2^8)"),
    (declaration("LOAD", I, "rd, offset(rs1)", "my(data)", "return data - 1", more="width=2"), "not a word"),
    (declaration("AMO", R, "rd, rs2, (rs1)", "my(old, rs2)", "return old + rs2", more="width=4"), "not a word"),
    (declaration("CSR", "csr rs1 001 rd 0101011", "rd, csr, rs1", "my(old, operand)", "return ~old"), "not a word"),
    ("YES = True\n" + system("return YES"), "it returns True for"),
    (system("return 10"), "it returns 10 for"),
    (system("return -7"), "not a status"),
    (system("return h.satp"), "not a status"),
    (system("return 2"), "raises 'illegal instruction', which is not among its causes"),
    (system("write_x(h, rd, 1)", "return 2", more="causes=(2,)"), "changes x and then traps"),
    (system("h.x[rd] = 1", "return -1"), "it sets x0"),
    (system("write_x(h, rd, h.satp << 1)", "return -1"), "it sets x to"),
    (system("write_x(h, rd, -1)", "return -1"), "it sets x to -0x1"),
    (system("write_x(h, rd, h.x[h.satp])", "return -1"), "IndexError"),
    (system("write_x(h, rd, h.x[rd + 1])", "return -1"), "IndexError"),
    (system("h.mode = 2", "return -1"), "not one of (0, 1, 3)"),
    (system("h.pc = 0", "return -1"), "it sets pc but returns -1; return JUMPED (-2)"),
    (system("h.mstatus = 0xffffffff", "return -1"), "not within"),
    (system("h.mstatus = 0x1000", "return -1"), "mstatus.MPP to 2"),
    (system("h.satp = 0", "return -1"), "must set h.stale = 1"),
    (system("h.pmpcfg[0] = 0", "return -1"), "must set h.stale = 1"),
    (system("return -1", more="privilege='S'"), "its privilege is S, but in mode 0 it returns -1, not ILLEGAL (2)"),
    (system("write_x(h, rd, paddr)", "return -1", head="my(h, rd, paddr)", pattern=R_ONE, syntax="rd, rs1"), "sets x"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "part"), TRIAL, ids=[part for _, part in TRIAL])
def test_trial(tmp_path: Path, body: str, part: str) -> None:
    message = refusal(plugin(tmp_path, body))
    assert part in message, message


# Files


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.py")
    assert "is a folder; a plugin is a Python file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.py")
    assert "is not a regular file" in refusal(tmp_path / "pipe.py")
    (tmp_path / "big.py").write_bytes(b"#" * (1 << 21))
    assert "larger than 1 MiB" in refusal(tmp_path / "big.py")
    with pytest.raises(PluginError, match="null byte"):
        load("a\0b.py")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (b"# coding: klingon\n", "is not text"),
        (b"\x7fELF\0\0", "null byte"),
        (b"x = (\n", ":1: '(' was never closed"),
        (b"\ndef f(:\n", ":2: invalid syntax"),
        (b"-" * 100_000 + b"1", ""),
        (b"", "declares no instruction; use the decorator 'declare' of trapline.isa.instruction"),
        (b"import isa\n", "declares no instruction"),
        (b"\n\n1 // 0\n", ":3: ZeroDivisionError"),
        (b"def f():\n    raise OSError('boom')\n\nf()\n", ":2: OSError: boom"),
        (b"import sys\nsys.exit(3)\n", ":2: SystemExit: 3"),
        (b"raise SystemExit\n", ":1: SystemExit"),
        (b"import a_module_that_is_nowhere\n", ":1: ModuleNotFoundError"),
        (b"def f(): f()\nf()\n", "RecursionError"),
        (
            b"from trapline.isa import Csr\nmine = Csr('mine', 0x801, 'here', 'mine')\n",
            "'mine' is a CSR; a plugin can declare",
        ),
        (b"raise ValueError('a\\nb')\n", ":1: ValueError: a b"),
    ],
)
def test_files_that_are_not_plugins(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "my_isa.py"
    path.write_bytes(content)
    assert part in refusal(path)


def test_what_was_declared_before_a_mistake_does_not_stay(tmp_path: Path) -> None:
    assert ":10: ZeroDivisionError" in refusal(plugin(tmp_path, GOOD + "1 // 0\n"))
    refusal(plugin(tmp_path, GOOD + value("return rs1", head="your(rs1)", pattern=RD, syntax="rd")))
    assert decode(BY_NAME["add"].encode(rd=0, rs1=0, rs2=0) ^ 0b0011000) is None


def test_an_interrupt_is_passed_on(tmp_path: Path) -> None:
    before = state()[:2]
    with pytest.raises(KeyboardInterrupt):
        load(plugin(tmp_path, GOOD + "raise KeyboardInterrupt\n"))
    assert state()[:2] == before


def test_a_plugin_twice_and_plugins_that_clash(tmp_path: Path) -> None:
    path = plugin(tmp_path, GOOD)
    other = plugin(tmp_path, GOOD.replace("xmine", "xother").replace("000 rd", "111 rd"), "other.py")
    same = plugin(tmp_path, GOOD.replace("my(", "your(").replace("000 rd", "111 rd"), "same.py")
    with loaded(path):
        assert "is already loaded" in refusal(path)
        assert "'my' is declared twice" in refusal(other)
        assert "extension 'xmine' already exists" in refusal(same)
    with loaded(other):
        assert decode(0x0000702B) is BY_NAME["my"]
        with pytest.raises(PluginError, match="'my' is declared twice"), loaded(path):
            raise AssertionError("unreachable")
    assert "my" not in BY_NAME


def test_too_many(tmp_path: Path) -> None:
    patterns = [f"{i:07b} rs2 rs1 {f:03b} rd 0101011" for i in range(128) for f in range(2)]
    bodies = [value("return rs1", head=f"my{n}(rs1, rs2)", pattern=p) for n, p in enumerate(patterns)]
    assert "more instructions" in refusal(plugin(tmp_path, "".join(bodies)))
    many = "".join(b.replace('"xmine"', f'"xmine{n}"') for n, b in enumerate(bodies[:60]))
    assert "more extensions" in refusal(plugin(tmp_path, many))


def test_nothing_is_declared_at_all_without_registers(tmp_path: Path) -> None:
    with loaded(plugin(tmp_path, system("return WAIT", head="my(h)", pattern=NONE, syntax=""))):
        assert BY_NAME["my"].operands == ()
