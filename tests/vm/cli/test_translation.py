"""`--show-translation`: guest and host code side by side, or why there is none."""

import re

import pytest

from support.budget import CHECKED, PLAIN
from support.cli.command import invoke, write
from support.translator.forced_regions import force
from trapline.vm.cli import translation
from trapline.vm.translator.host import kept

LOOP = """_start: li t0, 3000
again:  addi t0, t0, -1
        xor t1, t1, t0
        j 1f
1:      bnez t0, again
        li t2, 0xc000000
        lw t2, (t2)             # to the host, which looks after its translator
        li t0, 3000
        beqz s0, 1f
        li t0, 0x5555
        li t1, 0x100000
        sw t0, (t1)
1:      li s0, 1
        j again
"""
PROGRAM = """_start: li t0, 3000
again:  addi t0, t0, -1
        bnez t0, again
        li a7, 64
        ecall
        li t0, 3000
        bnez t0, 1f
1:      addi t0, t0, -1
        bnez t0, 1b
        li a0, 0
        li a7, 93
        ecall
"""

compiled = pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates")


@compiled
def test_a_kernel_beside_its_machine_code(tmp_path):
    pytest.importorskip("capstone")
    outcome = invoke("boot", write(tmp_path, "guest.s", LOOP), "--show-translation")
    text = outcome.message
    assert "page at 0x80000000: " in text and " blocks, " in text
    for row in ("80000008  addi t0, t0, -1", "80000010  j .+4", "80000014  bnez t0, again"):
        assert row in text, text
    assert "guest.s:2 " in text and "mov " in text and "ways back to the interpreter" in text
    assert all(line.count("|") == 1 for line in text.splitlines() if "guest.s:" in line)


@compiled
@pytest.mark.parametrize("bytes_only", [False, True])
def test_a_program_beside_its_machine_code(tmp_path, monkeypatch, bytes_only):
    if bytes_only:
        monkeypatch.setattr(translation, "find_spec", lambda name: None)
    monkeypatch.setattr(translation, "MOST_LINES", 10)
    outcome = invoke("run", write(tmp_path, "guest.s", PROGRAM), "--show-translation")
    assert outcome.status == 0 and outcome.stdout == b""
    assert ("capstone is not installed" in outcome.message) == (bytes_only or "mov " not in outcome.message)
    assert len(outcome.message.splitlines()) == 11 and outcome.message.endswith("... these are the first 10 lines\n")


@pytest.mark.parametrize("options, part", [
    (["--engine", "python"], "the engine `python` interprets everything"),
    (["--no-translate"], "interprets everything"),
    (["--max-instructions", "5"], "the run was too short"),
])  # fmt: skip
def test_why_there_is_none(tmp_path, options, part):
    if PLAIN or CHECKED:
        part = "nothing is translated"
    outcome = invoke("boot", write(tmp_path, "guest.s", LOOP), *options, "--show-translation")
    assert f"trapline: nothing is translated: {part}" in outcome.message or part in outcome.message


@compiled
def test_regions_beside_their_instructions(tmp_path, monkeypatch):
    force(monkeypatch)
    loops = LOOP.replace(
        "beqz s0, 1f", "addi s0, s0, 1; addi s0, s0, -1; addi s2, s2, 1; slti s3, s2, 12; bnez s3, again"
    )
    outcome = invoke("boot", write(tmp_path, "guest.s", loops), "--show-translation")
    text = outcome.message
    assert re.search(r"  region of \d+ instructions, [\d,]+ bytes, entered at .*80000008", text), text
    assert text.index("  region of") < text.index("  block of") and ", which a region does" in text


@compiled
def test_on_another_computer_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "stencils", lambda: None)
    monkeypatch.setattr(kept, "has_stencils", lambda: False)
    outcome = invoke("run", write(tmp_path, "guest.s", PROGRAM), "--show-translation")
    assert outcome.message == "trapline: nothing is translated: this computer is no x86-64\n"
