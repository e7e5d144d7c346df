"""Which compiler is asked, and what the compiling process leaves out of numba's work."""

import platform
import subprocess
import sys
from io import BytesIO

import capstone
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from trapline.vm.codegen import native, source

pytestmark = pytest.mark.once

SOURCE = """
import numba
from trapline.vm.codegen import compiler
{change}
@numba.njit
def callee(x):
    return callee(x - 1) + callee(x - 2) if x > 1 else x
@numba.njit(numba.int64(numba.int64))
def caller(x):
    return callee(x) + callee(x + 1)
library = caller.overloads[caller.signatures[0]].library
print(caller(7), str(library._final_module).count("store ptr null, ptr %excinfo"))
"""


def compile_with(change: str) -> list[int]:
    """What `caller` answers, and of how many places its code makes zero where a call would leave an exception."""
    command = [sys.executable, "-c", SOURCE.format(change=change)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_no_function_begins_with_zeros() -> None:
    assert compile_with("compiler.leave_zeros_out()") == [13 + 21, 0]
    assert compile_with("")[1] > 0, "numba has none either: there is nothing to leave out"


BRANCHES = """
import sys
import numba
from numba.core.registry import cpu_target
from trapline.vm.codegen import compiler
{change}
@numba.njit(numba.int64(numba.int64, numba.int64))
def steps(x, y):
    for _ in range(x):
        {steps}
    return y
library = steps.overloads[steps.signatures[0]].library
sys.stdout.buffer.write(cpu_target.target_context.codegen()._tm.emit_object(library._final_module))
"""
BOUNDARY = 32
BRANCHES_MADE = 60


def branches_across(change: str) -> int:
    """How many branches of a function lie across two blocks of 32 bytes, or end one."""
    steps = "\n        ".join(f"if y % {n + 3} == 1: y = y * x + {n}" for n in range(BRANCHES_MADE))
    command = [sys.executable, "-c", BRANCHES.format(change=change, steps=steps)]
    elf = ELFFile(BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))
    text = max((s for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR), key=lambda s: s["sh_size"])
    found = list(capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64).disasm(text.data(), 0))
    branches = [i for i in found if i.mnemonic.startswith("j")]
    assert len(branches) >= BRANCHES_MADE
    return sum(i.address // BOUNDARY != (i.address + i.size) // BOUNDARY for i in branches)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only processors of this kind need it")
def test_branches_lie_within_32_bytes() -> None:
    assert branches_across("compiler.keep_branches_whole()") == 0
    assert branches_across("") > 0, "none does anyway: the switch is not needed"


def test_numba_compiles_all_if_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it makes is kept beside the other."""
    key_now = native.engine_key.__wrapped__  # type: ignore[attr-defined]
    key = key_now()
    assert [language for language, _ in native.ENGINE.inputs()] == [source.IR, source.NUMBA]
    monkeypatch.setenv(source.COMPILER, "numba")
    assert [language for language, _ in native.ENGINE.inputs()] == [source.NUMBA]
    assert key_now() != key
    monkeypatch.setenv(source.COMPILER, "gcc")
    with pytest.raises(ValueError, match="TRAPLINE_COMPILER is 'gcc'"):
        source.wants_numba()
