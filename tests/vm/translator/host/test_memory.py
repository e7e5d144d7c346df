"""Executable memory of each kind, and machines whose translations are dropped."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import CHECKED, PLAIN, examples
from support.machines import RAM, encode, from_words
from trapline import Machine
from trapline.vm.engine import TRANSLATE
from trapline.vm.observe.event_lines import EventLines
from trapline.vm.observe.event_log import EventLog
from trapline.vm.translator import context
from trapline.vm.translator.host import kept, memory

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates"),
]

COUNT = [encode("addi", rd=5, rs1=5, imm=1), encode("addi", rd=6, rs1=6, imm=3), encode("jal", imm=-8 & 0xFFFFFFFF)]
STEPS = 300_000


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSLATE, "100")


def counting() -> Machine:
    machine = from_words(COUNT, engine="numba")
    machine.run(max_instructions=STEPS // 100)
    machine.run(max_instructions=STEPS - STEPS // 100)
    assert machine.x[5] == STEPS // 3
    return machine


def refuse(*args: object) -> None:
    raise PermissionError("no memory is both")


def test_one_mapping_or_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for mappings in (memory.executable, memory.executable_twice):
        monkeypatch.setattr(memory, "executable", mappings)
        machine = counting()
        assert machine.engine.translator is not None
        assert machine.engine.translator.words[context.STEPS] > STEPS // 2


def test_a_forked_process_translates_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for mappings in (memory.executable, memory.executable_twice):
        monkeypatch.setattr(memory, "executable", mappings)
        machine = counting()
        child = os.fork()
        if child == 0:
            machine.run(max_instructions=STEPS)
            os._exit(machine.x[5] != 2 * STEPS // 3)
        machine.run(max_instructions=STEPS)
        assert os.waitpid(child, 0)[1] == 0
        assert machine.x[5] == 2 * STEPS // 3


def test_without_executable_memory_all_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "executable", refuse)
    assert counting().engine.translator is None


def test_without_stencils_all_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "stencils", lambda: None)
    assert counting().engine.translator is None


@pytest.mark.parametrize("engine", ["interpreter", "python"])
def test_an_engine_without_a_translator(engine: str) -> None:
    machine = from_words(COUNT, engine=engine)
    machine.run(max_instructions=3_000)
    assert machine.engine.translator is None and machine.x[5] == 1_000


def test_the_variable_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSLATE, "0")
    assert counting().engine.translator is None


def translated_steps(machine: Machine) -> int:
    assert machine.engine.translator is not None
    return machine.engine.translator.words[context.STEPS]


def test_while_there_are_breakpoints_nothing_is_translated() -> None:
    """Before, and again when the last one is gone, it is."""
    machine = counting()
    before = translated_steps(machine)
    machine.breakpoints.add(RAM + 4)
    for _ in range(3):
        machine.run(max_instructions=STEPS)
        assert machine.pc == RAM + 4 and translated_steps(machine) == before
    machine.breakpoints.clear()
    machine.run(max_instructions=STEPS)
    assert machine.x[5] == 2 * STEPS // 3 + 3
    assert translated_steps(machine) > before + STEPS // 2


def test_while_events_are_logged_nothing_is_translated() -> None:
    machine = counting()
    before = translated_steps(machine)
    form = EventLines("{:#010x}".format, "{:08x} {:#x}".format)
    machine.log_to(EventLog(machine, ["int"], form, str, STEPS))
    machine.run(max_instructions=STEPS)
    assert translated_steps(machine) == before
    machine.log_to(None)
    machine.run(max_instructions=STEPS)
    assert translated_steps(machine) > before + STEPS // 2


def test_a_machine_that_begins_with_breakpoints_is_translated_later() -> None:
    machine = from_words(COUNT, engine="numba")
    machine.breakpoints.add(RAM + 8)
    machine.run(max_instructions=STEPS)
    machine.run(max_instructions=10)
    assert machine.engine.translator is None
    machine.breakpoints.clear()
    machine.run(max_instructions=STEPS)
    machine.run(max_instructions=STEPS)
    assert translated_steps(machine) > STEPS // 2


def test_a_snapshot_with_breakpoints_is_no_end_of_translations() -> None:
    """The memory that it brings back says that there were some, which the next run takes away."""
    machine = counting()
    machine.breakpoints.add(RAM + 4)
    machine.run(max_instructions=STEPS)
    state = machine.snapshot()
    machine.breakpoints.clear()
    for _ in range(3):
        machine.run(max_instructions=STEPS)
        before = translated_steps(machine)
        machine.restore(state)
    machine.run(max_instructions=STEPS)
    assert translated_steps(machine) > before + STEPS // 2


ACTIONS = st.lists(
    st.tuples(st.sampled_from(("stop", "clear", "log", "quiet", "run", "run", "run")), st.integers(1, 900)), max_size=25
)


@given(ACTIONS)
@examples(25)
def test_breakpoints_and_logs_come_and_go(actions: list[tuple[str, int]]) -> None:
    """Whatever is set and taken away, the states are the interpreter's."""
    made = [from_words(COUNT, engine=engine) for engine in ("interpreter", "numba")]
    for action, number in actions:
        for machine in made:
            if action == "stop":
                machine.breakpoints.add(RAM + 4 * (number % 3))
            elif action == "clear":
                machine.breakpoints.clear()
            elif action == "log":
                form = EventLines("{:#010x}".format, "{:08x} {:#x}".format)
                machine.log_to(EventLog(machine, ["int"], form, str, STEPS))
            elif action == "quiet":
                machine.log_to(None)
            else:
                machine.run(max_instructions=10 * number)
        assert made[0].digest() == made[1].digest() and made[0].cycle == made[1].cycle


def test_all_are_dropped_when_the_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring of pages, each a loop that goes on to the next; in memory for a few of them."""
    monkeypatch.setattr(memory, "ARENA_BYTES", 4096)
    pages = 40
    machine = Machine(memory=(pages + 1) * 4096, engine="numba")
    loop = [
        encode("addi", rd=5, rs1=0, imm=200), encode("addi", rd=5, rs1=5, imm=-1), encode("addi", rd=6, rs1=6, imm=1),
        encode("bne", rs1=5, imm=-8 & 0xFFFFFFFF),
    ]  # fmt: skip
    for page in range(pages):
        away = 4096 - 16 if page < pages - 1 else -(pages - 1) * 4096 - 16
        code = [*loop, encode("jal", imm=away & 0xFFFFFFFF)]
        machine.write(RAM + 4096 * page, b"".join(w.to_bytes(4, "little") for w in code))
    machine.run(max_instructions=602 * pages)
    machine.run(max_instructions=602 * pages * 19)
    translator = machine.engine.translator
    assert translator is not None
    assert machine.x[6] == 200 * pages * 20
    assert translator.words[context.FLUSHES] > 0
    assert translator.words[context.STEPS] > 0
