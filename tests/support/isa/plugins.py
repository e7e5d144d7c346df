"""Plugins for tests: files made of a head that imports what declarations need, and a body."""

from pathlib import Path

HEAD = """
from trapline.isa.instruction import Kind, declare
from trapline.isa.xleak import write_x
from trapline.isa.trap import JUMPED, NEXT, WAIT
from trapline.isa.word import divide, remainder, s32, sext, u32, where
"""
FIRST = HEAD.count("\n") + 1
"""Line of the file at which the body starts."""

R = "0000000 rs2 rs1 000 rd 0101011"
R_ONE = "0000000 00000 rs1 000 rd 0101011"
I = "imm[11:0] rs1 001 rd 0101011"  # noqa: E741  (the specification's name of the format)
S = "imm[11:5] rs2 rs1 010 imm[4:0] 0101011"
B = "imm[12|10:5] rs2 rs1 011 imm[4:1|11] 0101011"
U = "imm[31:12] rd 1011011"
J = "imm[20|10:1|11|19:12] rd 1111011"
RD = "0000000 00000 00000 100 rd 0101011"
NONE = "0000000 00000 00000 101 00000 0101011"


def declaration(
    kind: str, pattern: str, syntax: str, head: str, *body: str, extension: str = "xmine", more: str = ""
) -> str:
    """The text of one declared function; `head` is such as `my(rs1, rs2)`."""
    options = f", {more}" if more else ""
    lines = [
        f'@declare(Kind.{kind}, "{pattern}", "{syntax}", "here", extension="{extension}"{options})',
        f"def {head}:",
        '    """Do something."""',
        *(f"    {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"


def value(
    *body: str, head: str = "my(rs1, rs2)", pattern: str = R, syntax: str = "rd, rs1, rs2", more: str = ""
) -> str:
    """A value instruction."""
    return declaration("VALUE", pattern, syntax, head, *body, more=more)


def system(*body: str, head: str = "my(h, rd)", pattern: str = RD, syntax: str = "rd", more: str = "") -> str:
    """A system instruction."""
    return declaration("SYSTEM", pattern, syntax, head, *body, more=more)


def plugin(folder: Path, body: str, name: str = "my_isa.py") -> Path:
    """A plugin file."""
    path = folder / name
    path.write_text(HEAD + body)
    return path
