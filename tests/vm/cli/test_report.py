"""`trapline virt --report`: the page, its numbers, and how Chromium renders it."""

import itertools
import json
import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from support.cli.command import invoke, refused
from support.machines import from_text
from support.paths import PROGRAMS
from trapline import Machine
from trapline.vm.cli import exit_records
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.observe import report_data
from trapline.vm.observe.describe import Describer
from trapline.vm.observe.report_data import ReportData

pytest.importorskip("matplotlib")

SV32 = PROGRAMS / "boot/sv32.s"


class Page(HTMLParser):
    """What a page refers to, its tags, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.tags: list[str] = []
        self.alts: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.alts += [value or "" for name, value in attrs if name == "alt"]

    def handle_data(self, data: str) -> None:
        self.words += data + "\n"


def collected(technique: str, name: str, symbol: str | None = None, steps: int = 20_000) -> tuple[ReportData, Machine]:
    machine = Machine.from_file(PROGRAMS / f"{name}.s", memory=4 << 20, technique=technique, events=True)
    image = type("Image", (), {"symbol_at": staticmethod(lambda vaddr: symbol)})
    data = ReportData(machine.engine.ring, Describer(image, lambda word, pc: "word", technique))
    machine.run(max_instructions=steps)
    data.finish([h.cycle + h.idled for h in machine.engine.h])
    return data, machine


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The page about sv32.s, and what `--json` says of the run."""
    folder = tmp_path_factory.mktemp("report")
    page, report = folder / "out.html", folder / "out.json"
    outcome = invoke("virt", SV32, "--report", page, f"--json={report}")
    assert outcome.status == 0 and outcome.stderr == b""
    return page, json.loads(report.read_text())


def test_the_page_needs_nothing_else(written: tuple[Path, dict]) -> None:
    page = Page(written[0].read_text())
    assert page.tags.count("img") == len(page.alts) == 4 and all(page.alts)
    assert page.references and all(reference.startswith("data:") for reference in page.references)
    assert not {"script", "iframe", "object", "form"} & {*page.tags}
    assert "default-src 'none'" in written[0].read_text()
    assert len(written[0].read_bytes()) < 600_000


def test_its_numbers_are_those_of_the_run(written: tuple[Path, dict]) -> None:
    page, report = written
    words = Page(page.read_text()).words.splitlines()
    for cause, count in report["exits"].items():
        assert words[words.index(cause) + 1] == f"{count:,}"
    for kind, count in report["page_faults"].items():
        name = {"mmio": "MMIO"}.get(kind, kind)
        if count:
            assert words[words.index(name, words.index("faults")) + 1] == f"{count:,}"
    shown = {"exits": sum(report["exits"].values()), "emulated": report["emulated_instructions"]}
    for name, count in shown.items():
        assert words[words.index(name) + 1] == f"{count:,}"
    assert words[words.index("lbu") + 3] == "print_string" and words[words.index("csrrw stvec") + 1] == "1"


def test_modes_are_those_of_the_bare_machine() -> None:
    for technique in ("trap", "hybrid"):
        data, machine = collected(technique, "boot/delegation")
        (modes,) = data.modes()
        bare = Machine.from_file(PROGRAMS / "boot/delegation.s", memory=4 << 20)
        expected = []
        for _ in range(machine.cycle):
            expected.append(bare.mode)
            bare.run(max_instructions=1)
        assert np.repeat(modes.mode, np.diff(modes.end, prepend=0)).tolist() == expected
        edges = np.array([0, len(expected) // 3, len(expected)])
        for mode, shares in modes.shares(edges).items():
            parts = [expected[a:b] for a, b in itertools.pairwise(edges)]
            assert shares.tolist() == pytest.approx([part.count(mode) / len(part) for part in parts])


def test_tables_count_every_event_once() -> None:
    data, machine = collected("trap", "boot/sv32", "symbol")
    assert data.count == machine.engine.ring.number
    for table in (data.by_cause(), data.by_function()):
        assert sum(counts.total() for counts in table.values()) == data.count
    assert list(data.by_function()) == ["symbol"]
    edges = np.linspace(0, data.end, 7)
    assert sum(n.sum() for n in data.over_time(edges).values()) == data.count
    real = machine.engine.real[0]
    assert {f.kind: len(f.clock) for f in data.faults()} == {
        "hidden": real.hidden_faults, "true": real.true_faults, "MMIO": real.mmio_faults,
    }  # fmt: skip


def test_names_of_the_guest_are_no_markup() -> None:
    """Symbols come from the guest's file: neither HTML nor mathematics nor characters that cannot be drawn."""
    from trapline.vm.observe.report_page import page

    name = '<script>alert("1")</script>&$x^$\u2603' + "y" * 80
    data, machine = collected("trap", "boot/sv32", name, 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = page(data, Counts.of(machine), name, "<b>halted</b>")
    assert "script" not in Page(text).tags and "b" not in Page(text).tags
    assert name in Page(text).words


def test_without_exits_and_with_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from trapline.vm.observe.report_page import page

    data, machine = collected("interpret", "boot/sv32")
    assert "There were no exits" in Page(page(data, Counts.of(machine), "guest", "halted")).words
    monkeypatch.setattr(report_data, "MOST", 100)
    data, machine = collected("trap", "boot/sv32")
    assert data.cut and data.count == 100 and machine.engine.m.event_log == 0
    assert sum(counts.total() for counts in data.by_cause().values()) == 100
    assert data.modes()[0].end[-1] == data.end < machine.cycle


def test_events_of_others_go_on_when_the_report_has_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_data, "MOST", 10)
    machine = from_text("la t0, trap\ncsrw mtvec, t0\ntrap: ecall\n", technique="trap", events=True)
    seen = []
    ReportData(machine.engine.ring, Describer(None, lambda word, pc: "", "trap"))
    machine.engine.ring.sinks.append(lambda batch: seen.append(len(batch)))
    machine.run(max_instructions=100)
    assert sum(seen) > 90


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(invoke("virt", SV32, "--report", tmp_path / "no/a.html"), "no/a.html: No such file or directory")
    refused(invoke("virt", SV32, "--report", "-"), "--report needs a file name")
    refused(invoke("virt", SV32, SV32, "--report", tmp_path / "a.html"), "--report is for one guest, not 2")
    refused(invoke("virt", SV32, "--compare", "--report", tmp_path / "a"), "--report cannot be used with --compare")
    monkeypatch.setattr(exit_records, "missing", lambda: True)
    refused(invoke("virt", SV32, "--report", tmp_path / "a.html"), "pip install 'trapline[plot]'")
    assert not (tmp_path / "a.html").exists()


def test_nothing_loads_matplotlib_without_need(tmp_path: Path) -> None:
    code = f"""
import sys
from trapline.vm.cli.main import main
try:
    main(["virt", {str(SV32)!r}, "--exit-log", {str(tmp_path / "log")!r}])
finally:
    assert "matplotlib" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.slow
def test_the_page_is_the_same_in_every_run(written: tuple[Path, dict], tmp_path: Path) -> None:
    again = tmp_path / "out.html"
    assert invoke("virt", SV32, "--report", again).status == 0
    assert again.read_bytes() == written[0].read_bytes()


# In a browser

BROWSER = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
           "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND")  # fmt: skip


@pytest.mark.slow
def test_chromium_shows_it(tool, written: tuple[Path, dict], tmp_path: Path) -> None:
    """The text is shown, all pictures are drawn, nothing is requested from the network, and there are no errors."""
    chromium, url = tool("chromium"), written[0].as_uri()
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    log = tmp_path / "net.json"
    done = subprocess.run(
        [chromium, *BROWSER, profile, f"--log-net-log={log}", "--dump-dom", url], capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    page = Page(done.stdout)
    for heading in ("Virtual modes and exits over time", "Exits by cause", "Page faults: address and time"):
        assert heading in page.words
    assert page.tags.count("img") == 4
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Refused" in line]
    assert complaints == []
    asked = re.findall(r'"url":"(?!data:|file:|chrome)([^"]*)"', log.read_text())
    assert [u for u in asked if not re.match(r"https?://[^/]*\.(google|gvt1|googleapis)\.", u)] == []
    picture = tmp_path / "page.png"
    subprocess.run(
        [chromium, *BROWSER, profile, "--window-size=1000,3000", f"--screenshot={picture}", url], capture_output=True,
        timeout=120, check=True,
    )  # fmt: skip
    from matplotlib.image import imread

    pixels = (imread(picture)[:, :, :3] * 255).round().astype(int)
    for color in ("#d55e00", "#0072b2", "#009e73", "#56b4e9"):  # of modes, groups and kinds, in different pictures
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(pixels - rgb).max(axis=2) <= 2).sum() > 100, color
