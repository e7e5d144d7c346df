"""Any change to a plugin's text is accepted, and then engines can use it, or refused in one line."""

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from support.isa.plugins import HEAD, NONE, R_ONE, declaration, system, value
from trapline.isa import BY_NAME, INSTRUCTIONS, Kind, table
from trapline.isa.extension import OPTIONAL
from trapline.isa.instruction import DECLARED
from trapline.isa.plugin.load import PluginError, loaded
from trapline.vm.codegen.collect import collect, inline_expression
from trapline.vm.codegen.splice import SYSTEM_OPERANDS

GOOD = (
    HEAD
    + "K = 7\n"
    + value("return u32(rs1 + rs2)")
    + "def bits(a):\n    b = a & 0x55\n    b += a >> 3\n    return u32(b * 5)\n"
    + value("return bits(rs1) ^ K", head="other(rs1)", pattern=R_ONE.replace("000 rd", "001 rd"), syntax="rd, rs1")
    + system("for i in range(3):", "    write_x(h, i, h.satp)", "return NEXT", head="third(h)", pattern=NONE, syntax="")
    + declaration("LOAD", "imm[11:0] rs1 110 rd 0101011", "rd, offset(rs1)", "fourth(data)", "return sext(data, 16)",
                  more="width=2")
)  # fmt: skip
TOKENS = re.findall(r"\w+|\s+|.", GOOD)
PIECES = st.sampled_from([
    *sorted(set(TOKENS)), "**", "/", "None", "-1", "1 << 40", "lambda: 0", "yield", "await", "...", "while True: pass",
    "h.x", "[0]", "(", '"', "0.5", "_" * 40, "if rs1: pass", "h.mode", "h.pc = 4", "return", "\n    ",
])  # fmt: skip


def state() -> tuple:
    """All that loading changes."""
    return list(INSTRUCTIONS), dict(BY_NAME), list(OPTIONAL), list(DECLARED), table.added()


@given(st.lists(st.tuples(st.integers(0, len(TOKENS) - 1), st.integers(0, 2), PIECES), max_size=4))
@settings(max_examples=200)
def test_any_change(changes: list[tuple[int, int, str]]) -> None:
    tokens = list(TOKENS)
    for position, length, piece in changes:
        tokens[position : position + length] = [piece]
    text = "".join(tokens)
    if re.search(r"^while True", text, re.M):
        return  # like any Python file, it would run for ever when loaded
    before = state()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.py"
        path.write_text(text)
        try:
            with loaded(path) as (addition,):
                for i in addition.instructions:
                    collect([i.meaning])
                    if i.kind not in (Kind.SYSTEM, Kind.FENCE):
                        inline_expression(i.meaning, {})
                    else:
                        assert set(i.inputs) <= set(SYSTEM_OPERANDS)
        except PluginError as error:
            assert changes, error
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert state() == before
