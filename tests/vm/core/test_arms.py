"""The arms and the run loop are functions as they stand, before anything is spliced."""

from types import SimpleNamespace

import pytest

from trapline.isa.cause import ILLEGAL
from trapline.vm.core import execute as run_loop
from trapline.vm.core import instruction_arms as arms
from trapline.vm.core.execute import execute
from trapline.vm.core.packed import STRICT, UNKNOWN
from trapline.vm.core.status import FOR_THE_HOST
from trapline.vm.engine import Engine

pytestmark = pytest.mark.once

ALL = 0xFFFF


def test_a_value() -> None:
    x = [0] * 32
    assert arms.value(x, 5, lambda: 7) is None and x[5] == 7


def test_a_branch_stays_in_its_page_or_leaves_it() -> None:
    first, ip, vbase = 2049, 2059, 0x80001000 - 2 * 2049
    assert arms.branch(8 << 32, ip, first, vbase, lambda: True) == arms.Near(ip + 4)
    assert arms.branch(6 << 32, ip, first, vbase, lambda: True) == arms.Near(ip + 3)
    assert arms.branch(4096 << 32, ip, first, vbase, lambda: True) == arms.Far(0x80001014 + 4096)
    assert arms.branch(6 << 32 | STRICT, ip, first, vbase, lambda: True) == arms.Far(0x8000101A)
    assert arms.branch(8 << 32, ip, first, vbase, lambda: False) is None


def test_a_jump_to_a_misaligned_target_leaves_rd() -> None:
    x = [0] * 32
    assert arms.jump(x, STRICT, 5, 0, 0x80000000, 4, 1, lambda: 0x80000002) == arms.Far(0x80000002) and x[1] == 0
    assert arms.jump(x, STRICT, 5, 0, 0x80000000, 4, 1, lambda: 0x80000040) == arms.Near(32) and x[1] == 0x8000000E
    assert arms.jump(x, 0, 5, 0, 0x80000000, 2, 1, lambda: 0x80000042) == arms.Near(33) and x[1] == 0x8000000C


def test_a_system_instruction_that_is_refused() -> None:
    h = SimpleNamespace(unretired=0, idled=0)
    m = SimpleNamespace(time_base=0)
    assert arms.system(h, m, 3, 0x80000000, 0x73, lambda: ILLEGAL) == arms.Trap(ILLEGAL, 0x73)
    assert (h.pc, h.cycle) == (0x80000000, 3)


def test_the_run_loop_without_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every word is illegal."""
    engine = Engine(kind="python", harts=1, misa=0, ram_base=0x80000000, ram_size=0x4000, board=False)
    engine.ram[:4] = [0x13, 0, 0, 0]
    engine.h[0].pc = 0x80000000
    engine.m.host_traps = ALL
    monkeypatch.setattr(run_loop, "decode_at", lambda *_: UNKNOWN)
    memory = engine._memory[2:-1]
    assert execute(engine.h[0], engine.m, *memory, 10) == FOR_THE_HOST
    assert (engine.m.exit_cause, engine.m.exit_tval, engine.h[0].cycle) == (ILLEGAL, 0x13, 0)
