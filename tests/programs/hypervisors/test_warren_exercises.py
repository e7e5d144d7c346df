"""The exercises with Warren: solutions do what the page says, and the guests tell them from the original."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.burrow.build import build_script
from support.burrow.walkthrough import commands, run_script
from support.kernels.foreign import guest as foreign
from support.kernels.supervisor import over_sbi
from support.paths import WARREN
from support.vmm.solutions import MEGAPAGE, SOLUTIONS, altered, build, kernel, patched, run
from support.vmm.walkthrough import EXERCISES as PAGE
from support.vmm.walkthrough import like_a_checkout
from support.warren import guest, nested
from trapline import Machine

pytestmark = pytest.mark.once

UPDATE = "PYTHONPATH=tests python -m support.vmm.walkthrough"
"""Brings the outputs of commands up to date."""
TEXTS = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
ILLEGAL, ALARM, CRASHED, FRESH, STALE, STOLEN, KEPT, COUNTED, SAVED = TEXTS
LINUX_MEMORY = 128 << 20
WORKS = [("add_csr",), ("lose_flush", "find_flush"), ("plant_hole", "close_hole"), ("save_exits",)]
"""Solutions, with the patches that they are for."""


def printed(patches: tuple[str, ...], *names: str) -> str:
    return run(*build(patches, {name: kernel(name) for name in names}))[0]


def counter(machine: Machine, number: int) -> int:
    return int.from_bytes(machine.read(machine.symbols["statistics"] + 4 * number, 4), "little")


def test_an_emulated_csr() -> None:
    assert printed((), "alarm") == ILLEGAL
    assert printed(("add_csr",), "alarm") == ALARM


def test_the_level_below_need_not_know_the_csr() -> None:
    elf, memory = build(("add_csr",), {"alarm": kernel("alarm")})
    assert run(*nested([guest(elf, "inner", memory)], 1))[0] == ALARM
    inner, memory = nested([guest(kernel("alarm"))], 1)
    assert run(*build(("add_csr",), {"inner": inner}, memory=memory))[0] == ILLEGAL


def test_a_lost_flush_is_seen() -> None:
    assert printed((), "stale") == FRESH
    assert printed(("lose_flush",), "stale") == STALE
    assert printed(("lose_flush", "find_flush"), "stale") == FRESH


def test_linux_does_not_get_far_without_the_flush() -> None:
    """What a guest of this size shows of it, which is not much."""
    with altered(("lose_flush",)) as module:
        linux = guest(foreign("linux/Image"), "linux", LINUX_MEMORY, "console=hvc0 earlycon=sbi")
        machine = over_sbi(module.build([linux]), memory=module.memory_needed([linux]) + MEGAPAGE)
    assert machine.run(max_instructions=100_000_000).reason.value == "halted"
    assert machine.console.output.decode().endswith(CRASHED)


def flushes() -> list[str]:
    """Lines of shadow.s that flush, but for the one that the exercise is about."""
    lines = re.findall(r"^    sfence\.vma.*\n", (WARREN / "shadow.s").read_text(encoding="utf-8"), re.M)
    return [line for line in lines if line != "    sfence.vma s1\n"]


@pytest.mark.slow
def test_no_other_flush_is_seen_by_that_guest() -> None:
    """As the page says of the others."""
    assert len(flushes()) == 3
    for line in flushes():
        assert run(*build((), {"stale": kernel("stale")}, without=line))[0] == FRESH, line


def test_an_escape() -> None:
    assert printed((), "thief", "vault") == KEPT
    assert printed(("plant_hole",), "thief", "vault") == STOLEN
    assert printed(("plant_hole", "close_hole"), "thief", "vault") == KEPT


def test_an_escape_to_the_devices_of_the_machine() -> None:
    """The sum of two page numbers wraps around, to the real test finisher."""
    elf, memory = build(("plant_hole",), {"wrap": kernel("wrap"), "vault": kernel("vault")})
    machine = over_sbi(elf, memory=memory + MEGAPAGE)
    assert machine.run(max_instructions=20_000_000).code == 7
    assert machine.console.output == b""
    lines = printed(("plant_hole", "close_hole"), "wrap", "vault").splitlines()
    assert "wrap| the machine is still on" in lines and "vault| my secret is untouched" in lines


def test_a_hole_of_an_inner_level_leads_no_further() -> None:
    """The thief's Warren has the hole; the vault is its neighbour there, or a guest of the Warren around both."""
    thief, memory = build(("plant_hole",), {"thief": kernel("thief")})
    lines, _ = run(*nested([guest(thief, "inner", memory), guest(kernel("vault"), "vault")], 1))
    assert "the combination" not in lines and "vault| my secret is untouched\n" in lines


@pytest.mark.slow
def test_fewer_exits() -> None:
    """And more instructions, because each look at the guest's memory changes the address space twice."""
    elf = build_script().build("supervisor", init="pingpong 10")
    before, after = (run(*build(patches, {"pingpong": elf}))[1] for patches in ((), ("save_exits",)))
    assert before.console.output == after.console.output
    assert f"exits {counter(before, 0)}\n" in COUNTED and f"exits {counter(after, 0)}\n" in SAVED
    assert counter(after, 0) < counter(before, 0) and counter(after, 1) == counter(before, 1)
    assert after.csr["minstret"] > before.csr["minstret"]


@pytest.mark.slow
@pytest.mark.parametrize("patches", [*WORKS, ("lose_flush",), ("plant_hole",)], ids="+".join)
def test_who_behaves_sees_no_difference(patches: tuple[str, ...]) -> None:
    elf = build_script().build("supervisor", init="share 20")
    assert run(*build(patches, {"share": elf}))[0] == "share: the sum is 40\n"


def test_every_solution_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {path.name for path in SOLUTIONS.glob("*.patch")} == set(re.findall(r"\[(\w+\.patch)\]", text))


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch here")
@pytest.mark.parametrize("patches", WORKS, ids="+".join)
def test_patch_applies_them_as_we_do(patches: tuple[str, ...], tmp_path: Path) -> None:
    ours = patched(patches, tmp_path / "ours")
    theirs = tmp_path / "theirs"
    shutil.copytree(WARREN, theirs)
    for name in patches:
        with (SOLUTIONS / f"{name}.patch").open() as text:
            subprocess.run(["patch", "-p1", "-s", "-d", str(theirs)], stdin=text, check=True, timeout=60)
    for path in ours.glob("*.*"):
        assert path.read_bytes() == (theirs / path.name).read_bytes(), path.name


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch here")
def test_the_commands_of_the_page(tmp_path: Path) -> None:
    """In a folder with the same files as a checkout."""
    like_a_checkout(tmp_path)
    for script, expected in commands(PAGE):
        assert run_script(script, tmp_path) == (expected or ""), f"{script}: update the page: {UPDATE}"
