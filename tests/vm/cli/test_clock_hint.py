"""A kernel that idles without wfi is pointed to `--clock wall` when it is stopped."""

from pathlib import Path

import pytest

from support.cli.command import invoke, write

HINT = "--clock wall lets it follow real time"
KERNEL = """
_start: la      t0, handler
        csrw    mtvec, t0
        li      t0, 0x80
        csrw    mie, t0
        csrsi   mstatus, {enabled}
1:      {idle}
        j       1b
        .balign 4
handler: csrr   t0, time
        addi    t0, t0, 20
        li      t1, 0x2004000
        sw      t0, (t1)
        sw      zero, 4(t1)
        mret
"""


@pytest.mark.parametrize("idle, options, hint", [
    ("addi s0, s0, 1", (), True),
    ("nop", (), True),
    ("wfi", (), False),
    ("addi s0, s0, 1", ("--clock", "wall"), False),
    ("csrw mie, zero; addi s0, s0, 1", (), False),
])  # fmt: skip
def test_the_hint(tmp_path: Path, idle: str, options: tuple[str, ...], hint: bool) -> None:
    kernel = write(tmp_path, "k.s", KERNEL.format(idle=idle, enabled=0 if "zero" in idle else 8))
    outcome = invoke("boot", kernel, *options, "--max-instructions", "9000", "--engine", "python")
    assert outcome.status == 124 and (HINT in outcome.message) == hint, outcome
