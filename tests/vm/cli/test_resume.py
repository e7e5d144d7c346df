"""`--save` and `trapline resume`, `--record` and `trapline replay`."""

import json
from pathlib import Path

import pytest

from support.cli.command import execute, invoke
from support.paths import BOOT_KERNELS, PROGRAMS

THREADS = PROGRAMS / "boot/threads.s"


def test_saved_on_the_way(tmp_path: Path) -> None:
    """The run goes on, and another process goes on from there: with what is printed after that, and the same end."""
    file, reports = tmp_path / "file", [tmp_path / "one.json", tmp_path / "two.json"]
    straight = invoke("boot", PROGRAMS / "boot/sv32.s", f"--json={reports[0]}", "--save", f"{file}@1500")
    resumed = execute("resume", file, f"--json={reports[1]}")
    assert straight.status == resumed.status == 0
    assert straight.stdout.endswith(resumed.stdout) and straight.stdout != resumed.stdout != b""
    assert '"sha256"' in reports[0].read_text()
    one, two = (report.read_text().split('"sha256"')[1].split(",")[0] for report in reports)
    assert one == two


def test_saved_at_a_limit_again_and_again(tmp_path: Path) -> None:
    file, following = tmp_path / "one", tmp_path / "two"
    outcome = invoke("virt", THREADS, "--save", file, "--max-instructions", 300_000)
    printed = outcome.stdout
    while outcome.status == 124:
        outcome = invoke("resume", file, "--save", following, "--max-instructions", "200k")
        file, following = following, file
        printed += outcome.stdout
    assert outcome.status == 0
    assert printed == invoke("boot", THREADS).stdout


def test_the_exits_of_what_goes_on(tmp_path: Path) -> None:
    file, log = tmp_path / "file", tmp_path / "log"
    invoke("virt", PROGRAMS / "boot/sv32.s", "--save", f"{file}@1000")
    assert invoke("resume", file, "--exit-log", log).status == 0
    assert "page fault" in log.read_text()


def test_a_message_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    invoke("boot", THREADS, "--save", f"{file}@400k")
    assert "threads.s:" in invoke("resume", file, "--max-instructions", 1).message


def test_a_drive_is_found_again(tmp_path: Path) -> None:
    file, disk, moved = tmp_path / "file", tmp_path / "disk", tmp_path / "moved, away"
    disk.write_bytes(bytes(range(256)) * 16)
    kernel = BOOT_KERNELS / "virtio-blk.s"
    straight = invoke("boot", kernel, "--drive", f"file={disk}", "--save", f"{file}@3000")
    disk.rename(moved)
    lost = invoke("resume", file)
    assert lost.status == 2 and str(disk) in lost.message
    resumed = invoke("resume", file, "--drive", moved)
    assert resumed.status == straight.status and straight.stdout.endswith(resumed.stdout)
    assert invoke("resume", file, "--drive", moved, "--drive", moved).status == 2
    moved.write_bytes(bytes(4096))
    changed = invoke("resume", file, "--drive", moved)
    assert changed.status == 2 and "has changed since" in changed.message


def test_what_cannot_be(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    invoke("boot", THREADS, "--save", f"{file}@400k")
    before = invoke("boot", THREADS, "--save", f"{other}@10g")
    assert before.status == 0 and "nothing is saved" in before.message and not other.exists()
    for arguments, message in (
        (("resume", file, "-m", "64M"), "-m: the machine is as it was saved"),
        (("resume", file, "--technique", "trap"), "--technique: the machine is as it was saved"),
        (("resume", file, "--exit-log", other), "bare machine"),
        (("resume", other), "other"),
        (("resume", file, "--save", file), "choose another name"),
        (("resume", THREADS), "no snapshot of a machine"),
        (("boot", THREADS, "--save", "-"), "not -"),
        (("virt", THREADS, "--compare", "--save", other), "--save cannot be used with --compare"),
    ):
        outcome = invoke(*arguments)
        assert outcome.status == 2 and message in outcome.message, outcome


def test_several_guests(tmp_path: Path) -> None:
    """Saved when all of them together have done so many instructions, one of them having ended, and at their limits."""
    file, reports = tmp_path / "file", [tmp_path / f"{number}.json" for number in range(3)]
    guests = (THREADS, PROGRAMS / "boot/sv32.s", PROGRAMS / "boot/ecall.s")
    straight = invoke("virt", *guests, f"--json={reports[0]}")
    cut = invoke("virt", *guests, f"--json={reports[1]}", "--save", f"{file}@200k")
    resumed = execute("resume", file, f"--json={reports[2]}")
    assert straight.status == cut.status == resumed.status == 7
    assert straight.stdout == cut.stdout and straight.stdout.endswith(resumed.stdout)
    assert straight.stdout != resumed.stdout != b""
    rows = [json.loads(report.read_text())["guests"] for report in reports]
    for key in ("guest", "share", "sha256", "exit_reason", "exit_code"):
        assert len({str([row[key] for row in of]) for of in rows}) == 1, key
    limited = invoke("virt", *guests, "--save", file, "--max-instructions", 30_000)
    following = invoke("resume", file, "--console-log", tmp_path / "logs")
    assert limited.status == 124 and following.status == 7
    log = (tmp_path / "logs/threads.log").read_bytes()
    assert log == b"".join(
        line.removeprefix(b"threads| ") for line in straight.stdout.splitlines(True) if line.startswith(b"threads|")
    )
    for arguments, message in (
        (("resume", file, "--trace", "-"), "has 3 guests, and --trace is for one"),
        (("resume", file, "--record", tmp_path / "new"), "has 3 guests, and --record is for one"),
        (("virt", *guests, "--gdb", "0", "--save", f"{file}@5"), "leave out @5"),
    ):
        outcome = invoke(*arguments)
        assert outcome.status == 2 and message in outcome.message, outcome
    early = invoke("virt", *guests, "--save", f"{tmp_path / 'none'}@10g")
    assert early.status == 7 and "nothing is saved" in early.message and not (tmp_path / "none").exists()


def test_recorded_and_repeated(tmp_path: Path) -> None:
    file, trace = tmp_path / "file", tmp_path / "trace"
    kernel = PROGRAMS / "boot/uart-interrupt.s"
    straight = invoke("boot", kernel, "--record", file, stdin=b"ab\ncd\n")
    assert straight.status == 0 and straight.stdout.startswith(b"AB\nCD")
    again = execute("replay", file)
    assert (again.status, again.stdout) == (0, straight.stdout)
    part = invoke("replay", file, "--until", 50, "--trace", trace)
    assert part.status == 0 and 0 < len(trace.read_text().splitlines()) <= 50
    for arguments, message in (
        (("replay", kernel), "no recording of a machine"),
        (("boot", kernel, "--record", "-"), "not -"),
        (("virt", kernel, kernel, "--record", file), "--record is for one guest, not 2"),
        (("boot", kernel, "--record", kernel), "choose another name"),
    ):
        outcome = invoke(*arguments)
        assert outcome.status == 2 and message in outcome.message, outcome


def test_what_goes_on_is_recorded(tmp_path: Path) -> None:
    """From a snapshot, which may be gone when it is repeated; also where gdb may connect."""
    snapshot, file = tmp_path / "snapshot", tmp_path / "file"
    kernel = PROGRAMS / "boot/uart-interrupt.s"
    invoke("virt", kernel, "--save", snapshot, "--max-instructions", 60, stdin=b"ab\n")
    resumed = invoke("resume", snapshot, "--record", file, "--gdb", "0", stdin=b"cd\n")
    assert resumed.status == 0 and resumed.stdout.endswith(b"CD\n")
    snapshot.unlink()
    again = execute("replay", file)
    assert (again.status, again.stdout) == (0, resumed.stdout)


def test_a_limit_ends_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert invoke("boot", THREADS, "--record", file, "--max-instructions", "100k").status == 124
    again = invoke("replay", file)
    assert again.status == 0 and "the recording ends after 100,000 instructions" in again.message


@pytest.mark.slow
def test_a_damaged_file_is_one_message(tmp_path: Path) -> None:
    file = tmp_path / "file"
    invoke("boot", THREADS, "--save", f"{file}@400k")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    outcome = execute("resume", file)
    assert (
        outcome.status == 2
        and outcome.message == f"trapline: {file}: cannot be resumed: it is damaged: its checksum is wrong\n"
    )
