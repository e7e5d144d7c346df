"""Signals that end a run, and sections that they do not interrupt."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from trapline.vm.host import signals


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put back what a failing test leaves."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *signals.ENDING)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_caught_signal_is_a_keyboard_interrupt_and_names_its_status(number: signal.Signals, status: int) -> None:
    with pytest.raises(KeyboardInterrupt), signals.caught():
        os.kill(os.getpid(), number)
    assert signals.status() == status
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.caught():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_held_signal_takes_effect_at_the_end(number: signal.Signals) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), signals.caught(), signals.held():
        os.kill(os.getpid(), number)
        done.append("the section")
    assert done == ["the section"]


def test_of_several_held_signals_the_first_counts() -> None:
    with pytest.raises(KeyboardInterrupt), signals.caught(), signals.held():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    assert signals.status() == 129


def test_signals_that_come_together_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the second would interrupt what handles the first."""
    now = [100.0]
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: now[0]))
    handled = []
    with signals.caught():
        for moment in (100.0, 100.5, 100.9, 102.0):
            now[0] = moment
            try:
                os.kill(os.getpid(), signal.SIGTERM if handled else signal.SIGINT)
            except KeyboardInterrupt:
                handled.append((moment, signals.status()))
    assert handled == [(100.0, 130), (102.0, 143)]


def test_at_the_end_of_the_process_nothing_is_interrupted_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_for_good", False)
    signals.for_good()
    with pytest.raises(KeyboardInterrupt), signals.caught():
        os.kill(os.getpid(), signal.SIGINT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)


def test_ctrl_c_while_the_command_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the first tenth of a second, before there is a handler: a status, and no traceback."""
    from trapline import __main__ as command

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "trapline.vm.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "trapline.vm.cli.main", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        command.run()
    assert ended.value.code == 130


def test_another_thread_sets_no_handlers() -> None:
    def section() -> str:
        with signals.caught(), signals.held():
            return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(section).result() == "done"


def test_ctrl_c_in_a_string_that_is_executed_ends_with_a_status(tmp_path: Path) -> None:
    """As in the declaration of a named tuple, while modules are imported."""
    text = (
        "import sys\nfrom trapline.vm.host import signals\n"
        "try:\n    exec('raise KeyboardInterrupt')\nexcept KeyboardInterrupt:\n    signals.ignored()\nsys.exit(130)\n"
    )
    (tmp_path / "interrupted.py").write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    assert subprocess.run([sys.executable, "-m", "interrupted"], env=environment, check=False).returncode == 130
