"""Characters that only look right are named in the lines of macros and of the C preprocessor, too."""

from pathlib import Path

import pytest

from trapline import AsmError, assemble
from trapline.asm.preprocess.lookalikes import suspicious


@pytest.mark.parametrize(
    "name, line, column, character",
    [
        ("x.s", ".macro\u00a0name a\n.endm", 7, "U+00A0 (no-break space)"),
        ("x.s", ".macro name a,\u00a0b\n.endm", 15, "U+00A0 (no-break space)"),
        ("x.s", ".irp\u00a0x, 1\n.endr", 5, "U+00A0 (no-break space)"),
        ("x.s", ".rept \u22121\n.endr", 7, "U+2212 (minus sign)"),
        ("x.s", ".include \u201cfile\u201d", 10, "U+201C (left double quotation mark)"),
        ("x.S", "#define\u00a0A 5", 8, "U+00A0 (no-break space)"),
        ("x.S", "#define A\u00a05", 10, "U+00A0 (no-break space)"),
        ("x.S", "#define A(x,\u00a0y) x", 13, "U+00A0 (no-break space)"),
        ("x.S", "#if \u22121\n#endif", 5, "U+2212 (minus sign)"),
        ("x.S", "#include \u201cfile\u201d", 10, "U+201C (left double quotation mark)"),
    ],
)
def test_in_the_line_of_a_directive(tmp_path: Path, name: str, line: str, column: int, character: str) -> None:
    path = tmp_path / name
    path.write_text(f"{line}\n_start: nop\n")
    with pytest.raises(AsmError) as error:
        assemble(path)
    assert f"{name}:1:{column}: error: unexpected character {character}" in str(error.value)


def test_in_strings_they_are_text() -> None:
    assert suspicious('.macro name a="\u00a0"') is None
