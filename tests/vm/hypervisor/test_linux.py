"""The theorem on Linux 6.1, unmodified: it ends under every technique as on the bare machine."""

import json
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.hypervisor.bare_and_virtual import UNDER
from support.kernels.foreign import guest

pytestmark = pytest.mark.slow

TRACED = ("trap", "assist", "patch", "translate")
"""Under these with traced shadow tables, too; hybrid, which interprets the kernel step by step, takes seconds."""
CHECKED = {*((name, "lazy") for name in UNDER if name not in TRACED), *((name, "traced") for name in TRACED)}
"""Each technique once: with traced tables the engine does all that it does with lazy ones, and notes stores."""
CASES = [*((name, "lazy") for name in UNDER), *((name, "traced") for name in TRACED)]
COMPARED = ("exit_reason", "exit_code", "pc", "sha256", "retired_instructions", "traps")


def boot(folder: Path, *how: str) -> tuple[dict, dict]:
    """(how it ended and what it printed, the whole report) of one run."""
    report = folder / "report"
    outcome = invoke(*how, guest("linux/Image"), f"--json={report}", "--timeout", "200")
    found = json.loads(report.read_text())
    return {key: found[key] for key in COMPARED} | {"status": outcome.status, "console": outcome.stdout}, found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return boot(tmp_path_factory.mktemp("bare"), "boot")[0]


@pytest.mark.parametrize(
    ("technique", "shadow"),
    [pytest.param(*case, marks=[pytest.mark.checked] if case in CHECKED else []) for case in CASES],
)
def test_linux_ends_as_on_the_bare_machine(technique: str, shadow: str, bare: dict, tmp_path: Path) -> None:
    """The digest is of registers, CSRs and all RAM; the numbers are of instructions and of traps by cause."""
    assert (bare["exit_reason"], bare["status"]) == ("halted", 0) and b"init: LINUX-USERLAND-OK" in bare["console"]
    end, report = boot(tmp_path, "virt", "--technique", technique, "--shadow", shadow)
    assert end == bare
    assert report["direct_share"] == 0 if technique == "interpret" else report["direct_share"] > 0.4
    assert (report["traced_stores"] > 0) == (shadow == "traced")
