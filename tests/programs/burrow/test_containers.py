"""Containers of Burrow: each property in a scenario, on several harts and under the hypervisor too, and mutants."""

import re
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.burrow.build import PROGRAMS, build_script
from support.burrow.containers import (
    SCENARIOS,
    TOLERANCE,
    all_pages,
    build,
    contained_stress,
    containers,
    leftovers,
    machine_of,
    shares_of_time,
    streams,
)
from support.burrow.keys import Keys
from support.burrow.schedules import Schedule, schedules
from support.gnu import Find, qemu_system
from support.mutants.containers import MUTANTS, noticed
from support.paths import BURROW, DOCS
from trapline import ExitReason

CHAOS = "container start box chaos {}\ncontainer start box chaos {}\ncount 60\nthreads 3\ncontainer stop 1\n"


@cache
def elf() -> bytes:
    return build(build_script(), PROGRAMS)


LONG = ("nothing saved up", "shares", "limits", "far apart", "pages", "processes", "threads", "regions")
"""Scenarios of many instructions. Of those that ask for all there is of something, "transfers" stays."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in SCENARIOS]
)
def test_scenario(name: str) -> None:
    assert SCENARIOS[name](elf()) == ""


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_every_mistake_is_noticed(mutant: str) -> None:
    assert noticed(mutant)


def test_the_page_on_tests_has_the_numbers() -> None:
    text = (DOCS / "testing.md").read_text(encoding="utf-8")
    assert f"Each of {len(MUTANTS)} mistakes put into what keeps containers apart" in text


def test_there_are_mutants_for_most_scenarios() -> None:
    assert {scenario for scenario, *_ in MUTANTS.values()} >= SCENARIOS.keys() - {"all containers"}


@pytest.mark.slow
@examples(30)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 2)), min_size=2, max_size=5),
    st.integers(1, 3),
)
def test_time_is_in_proportion_to_shares(wanted: list[tuple[int, int]], harts: int) -> None:
    """Whatever the number of threads, as long as each container can use what it may have.

    wanted: share and threads of each.
    """
    commands = [f"share={share} threads=8 box herd {threads * harts}" for share, threads in wanted]
    found = shares_of_time(elf(), commands, harts=harts, steps=harts * 3_000_000)
    total = sum(share for share, _ in wanted)
    for part, (share, _) in zip(found, wanted, strict=True):
        assert part == pytest.approx(share / total, abs=TOLERANCE)


@pytest.mark.slow
def test_what_is_not_used_goes_to_the_others() -> None:
    """On two harts a container with one thread cannot use three quarters."""
    found = shares_of_time(elf(), ["share=30 box herd", "share=10 box herd 5"], harts=2)
    assert found == pytest.approx([0.5, 0.5], abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("harts, period", [(1, 2000), (1, 15), (3, 20)])
def test_no_call_of_a_container_harms_anybody(harts: int, period: int) -> None:
    """Calls with pseudo-random numbers in two containers, while the host works; then nothing is left of them."""
    for seed in range(1, 7):
        made = machine_of(
            elf(), typed=CHAOS.format(seed, seed + 50) + "count 90\ncontainer stop 2\nexit\n", harts=harts
        )
        made.write(made.symbols["timer_period"], period.to_bytes(4, "little"))
        exit = made.run(max_instructions=40_000_000)
        assert (exit.reason, exit.code) == (ExitReason.HALT, 0), (seed, made.console.output[-500:])
        lines = streams(made.console.output)[""]
        assert {"60", "90", "3 threads counted to 600, their values add up to 3"} <= set(lines)
        assert leftovers(made) == "", seed


@cache
def strained() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return build(build_script(), (*PROGRAMS, contained_stress(Path(folder))))


@pytest.mark.slow
@examples(100)
@given(schedules(1) | schedules(2) | schedules(4), st.integers(1, 100))
def test_random_schedules_in_a_container(schedule: Schedule, share: int) -> None:
    """All that threads and processes do with each other is right in a container too, beside one that never rests."""
    limits = f"pages=900 processes=20 threads=58 regions=7 transfers=28 share={share}"
    typed = "container start threads=2 processes=1 regions=0 box herd 2\n"
    typed += f"container run {limits} box strain {schedule.arguments}\ncontainer stop 1\nexit\n"
    made = machine_of(strained(), typed=typed, harts=schedule.harts)
    for symbol, value in (("timer_period", schedule.period), ("random_seed", schedule.random_seed)):
        made.write(made.symbols[symbol], value.to_bytes(4, "little"))
    exit = made.run(max_instructions=200_000_000)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 0), made.console.output[-500:]
    assert "stress: ok" in streams(made.console.output)["2.box"]
    assert leftovers(made) == ""


@pytest.mark.slow
def test_the_paravirtual_variant_has_containers() -> None:
    typed = "container run box shell\nps\nwild\nexit\ncontainer run box threads 3\nexit\n"
    plain = machine_of(elf(), typed=typed)
    other = build_script().build("paravirt", programs=PROGRAMS)
    paravirtual = machine_of(other, typed=typed, technique="paravirt")
    for made in (plain, paravirtual):
        assert made.run(max_instructions=20_000_000).reason is ExitReason.HALT
        assert leftovers(made) == ""
    assert paravirtual.console.output == plain.console.output


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["trap", "translate", "assist"])
def test_the_same_state_in_a_virtual_machine(technique: str) -> None:
    typed = "keeper &\ncontainer start box keeper\ncontainer run box escape\ncontainer run three\nexit\n"
    bare, virtual = (machine_of(elf(), typed=typed, technique=name) for name in ("bare", technique))
    for made in (bare, virtual):
        assert made.run(max_instructions=20_000_000).reason is ExitReason.HALT
    assert virtual.console.output == bare.console.output and virtual.digest() == bare.digest()


def test_a_session_on_qemu(tool: Find, tmp_path) -> None:
    typed = (
        "container images\ncontainer run box shell\nps\nwild\nstats\nexit\ncontainer run three\ncontainer list\nexit\n"
    )
    made = machine_of(elf(), typed=typed)
    assert made.run(max_instructions=20_000_000).reason is ExitReason.HALT
    path = tmp_path / "burrow.elf"
    path.write_bytes(elf())
    theirs = qemu_system(tool, path, stdin=typed.encode())
    assert theirs.output == made.console.output and theirs.status == 0


@pytest.mark.slow
@pytest.mark.parametrize("harts", [1, 3])
def test_control_c_ends_the_container_that_has_the_console(harts: int) -> None:
    """All of it, whatever its own shell runs; the host's shell goes on."""
    keys = Keys()
    made = machine_of(elf(), harts=harts, stdin=keys)
    for typed, printed in (
        ("container start box spin\ncontainer run box shell\nherd 3 2\n", b"2.box| $ herd 3 2\n"),
        ("\x03", b"container: its first process was ended\n[4] exit 1\n$ "),
        ("echo \x03mine\ncontainer stop 1\nexit\n", b"$ echo mine\nmine\n$ container stop 1\n$ exit\n"),
    ):
        keys.typed += typed.encode()
        ends = ExitReason.HALT if "exit" in typed else ExitReason.LIMIT
        assert made.run(max_instructions=2_000_000).reason is ends
        assert made.console.output.endswith(printed), made.console.output
    assert leftovers(made) == ""


def test_a_promise_is_kept() -> None:
    """The host cannot take what it has given away, however much it takes."""
    made = machine_of(elf(), typed="container start pages=1000 box keeper\nmemory\ncontainer enter 1 memory\n")
    made.run(max_instructions=30_000_000)
    host, box = containers(made)
    assert box.limits["pages"] == 1000 and host.limits["pages"] == all_pages(made) - 1000
    output = streams(made.console.output)
    assert "memory: that was all of it" in output[""]
    assert output["1.box"] == ["keeper: ready", "memory: that was all of it"]


def test_wrong_commands() -> None:
    """Each mistake has a message."""
    commands = {
        "container": "container images | list | run IMAGE [COMMAND] | start IMAGE [COMMAND]",
        "container run nix": "container: no such image, container or program",
        "container run": "container: no such image, container or program",
        "container run box nix": "container: no such image, container or program",
        "container run box readme.txt": "container: this cannot be started",
        "container run share=101 box": "container: this cannot be started",
        "container run share=0 box": "container: this cannot be started",
        "container run share= box": "container: limits are pages=, processes=, threads=, regions=, transfers= and "
        "share=1 to 100",
        "container run pages=0 box": "container: not enough pages, processes, threads, regions or transfers are left "
        "for it",
        "container run files=3 box": "container: limits are pages=, processes=, threads=, regions=, transfers= and "
        "share=1 to 100",
        "container run pages=4 box hello": "container: not enough pages, processes, threads, regions or transfers are "
        "left for it",
        "container run pages=99999 box": "container: not enough pages, processes, threads, regions or transfers are "
        "left for it",
        "container run box " + 30 * "n": "container: this cannot be started",
        "container enter 7 hello": "container: no such image, container or program",
        "container enter hello": "container: no such image, container or program",
        "container stop": "container: no such image, container or program",
    }
    made = machine_of(elf(), typed="".join(f"{command}\n" for command in commands) + "exit\n")
    assert made.run(max_instructions=20_000_000).reason is ExitReason.HALT
    output = made.console.output.decode().split("\n$ ")
    assert [tuple(printed.splitlines()[:2]) for printed in output[1:-1]] == list(commands.items())
    assert leftovers(made) == ""


def test_the_page_has_the_default_limits() -> None:
    readme = (BURROW / "README.md").read_text()
    table = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", readme, re.M))
    limits = build_script().layers.DEFAULT_LIMITS
    assert {name: int(table[name]) for name in limits} == limits
