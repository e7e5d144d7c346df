"""`trapline demo recursion` prints what docs/demos.md shows, to the digit, and the same as JSON."""

import json
import re
from pathlib import Path

import pytest

from support.budget import PLAIN
from support.cli.command import invoke
from support.paths import DOCS
from trapline.vm.cli.demo import recursion

pytestmark = [pytest.mark.once, pytest.mark.skipif(PLAIN, reason="takes the compiled engine")]


@pytest.mark.slow
def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "recursion.json"
    outcome = invoke("demo", "recursion", f"--json={path}")
    assert (outcome.status, outcome.stderr) == (0, b"")
    page = (DOCS / "demos.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- recursion -->\n```text\n(.*?)```", page, re.S)
    assert shown is not None and outcome.stdout.decode() == shown[1]
    data = json.loads(path.read_text())
    assert data["as_told"] and [row["depth"] for row in data["bare"]] == [0, 1, 2, 3]
    assert all(8 < factor < 10 for row in data["bare"] for factor in row["factors"])
    assert all(row["same"] for row in data["techniques"])
    assert [row["results"] for row in data["xpopf"]] == recursion.EXPECTED


def test_exits_multiply_because_each_one_is_a_world_switch_of_the_level_above() -> None:
    one, two = (recursion.run(recursion.PROGRAM, depth) for depth in (1, 2))
    assert one.output == two.output
    assert abs(one.levels[0].exits - two.levels[1].exits) <= 2, "the innermost has the same work"
    assert two.levels[0].exits > 8 * two.levels[1].exits


@pytest.mark.parametrize(
    "words, message",
    [
        (("recursion", "4"), "recursion has no arguments; leave out 4"),
        (("recursion", "--harts", "2"), "--harts: recursion has no such option"),
        (("recursoin",), "recursion"),
    ],
)
def test_mistakes(words: tuple[str, ...], message: str) -> None:
    outcome = invoke("demo", *words)
    assert outcome.status == 2 and message in outcome.stderr.decode(), outcome.stderr
