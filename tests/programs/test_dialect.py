"""What GNU as accepts beyond the ordinary: the same bytes as GNU as and ld, the same behaviour as on QEMU."""

from pathlib import Path

import pytest

from support.gnu import PREFIX, build, loaded, qemu_user, run_tool
from support.process.run_ours import assemble, run_process

pytestmark = pytest.mark.once

DIALECT = Path(__file__).parent / "dialect"


@pytest.mark.parametrize("source", sorted(DIALECT.glob("*.[sS]")), ids=lambda path: path.name)
def test_same_bytes_and_same_behaviour(source, tool, tmp_path):
    ours = assemble([source], tmp_path / "ours")
    if source.suffix == ".S":
        plain = tmp_path / f"{source.stem}.s"
        run_tool(tool(PREFIX + "gcc"), "-E", "-march=rv32ima", "-mabi=ilp32", str(source), "-o", str(plain))
    theirs = build(tool, [source if source.suffix == ".s" else plain], tmp_path / "theirs", include=DIALECT)
    mine, reference = loaded(ours), loaded(theirs)
    assert mine.keys() == reference.keys()
    for name in reference:
        assert mine[name] == reference[name], name
    outcome = qemu_user(tool, theirs)
    assert run_process(ours) == outcome
    assert outcome.output
