"""Several guests as several inferiors: one stops, goes back, ends or is left, and the others are not touched."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.gdb.client import Client, Debugged, debugged
from support.gnu import Find
from support.paths import DOCS, ROOT
from trapline import Machine
from trapline.vm.exit import ExitReason

RAM = 0x80000000
COUNT = """
_start: li t0, 0
        li t1, 5000
loop:   addi t0, t0, 1
        bne t0, t1, loop
        la t3, word
        sw t0, (t3)
        li t2, 0x100000
        li t3, 0x3333 | CODE << 16
        sw t3, (t2)
park:   j park
        .data
word:   .word 0
"""
LOOP = RAM + 12
T0 = 5


def machines(codes: tuple[int, ...] = (0, 3), harts: int = 1) -> list[Machine]:
    return [
        Machine.from_source(f".equ CODE, {code}\n{COUNT}", memory=1 << 16, engine="python", harts=harts)
        for code in codes
    ]


def t0(client: Client) -> int:
    return int.from_bytes(bytes.fromhex(client.ask(f"p{T0:x}")), "little")


def finish(run: Debugged) -> list[int]:
    run.join()
    return [guest.end.code for guest in run.guests if guest.end is not None and guest.end.reason is ExitReason.HALT]


def test_all_are_seen_at_once_by_a_gdb_that_cannot_attach() -> None:
    one, two = machines()
    with debugged(one, two) as (client, run):
        assert client.ask("?") == "T05thread:p1.1;"
        assert client.ask("qfThreadInfo") == "mp1.1,p2.1"
        assert 'id="p2.1" core="0" name="guest2 hart 0"' in client.ask("qXfer:threads:read::0,1000")
        assert client.ask("Hgp2.1") == "OK" and client.ask("Z0,8000000c,4") == "OK"
        assert client.ask("vCont;c") == "T05swbreak:;thread:p2.1;"
        assert client.ask("qC") == "QCp2.1" and t0(client) == 0
        assert client.ask("Hgp1.1") == "OK" and client.ask("qC") == "QCp1.1" and t0(client) == one.x["t0"]
        assert client.ask("D;2") == "OK" and client.ask("qfThreadInfo") == "mp1.1"
        assert not two.stops
        assert client.ask("vCont;c") == "W00;process:1"
        client.close()
        assert finish(run) == [0, 3]


def test_an_extended_gdb_attaches_one_by_one() -> None:
    one, two = machines()
    with debugged(one, two, extended=True) as (client, run):
        assert client.ask("?") == "T05thread:p1.1;" and client.ask("qfThreadInfo") == "mp1.1"
        assert client.ask("Hgp2.1") == "E22" and client.ask("vAttach;3") == "E22"
        assert client.ask("vAttach;2") == "T05thread:p2.1;"
        assert client.ask("qfThreadInfo") == "mp1.1,p2.1"
        assert client.ask("vCont;c:p2.-1") == "W03;process:2"
        assert one.cycle == 0 and client.ask("Tp2.1") == "E22" and client.ask("qC") == "QCp1.1"
        assert client.ask("vAttach;2") == "E22"
        assert client.ask("vCont;c:p1.-1") == "W00;process:1"
        assert finish(run) == [0, 3]


def test_only_the_guest_that_is_meant_goes_on_steps_or_goes_back() -> None:
    one, two = machines(harts=2)
    with debugged(one, two) as (client, _):
        assert client.ask("vCont;s:p2.1") == "T05thread:p2.1;" and (one.cycle, two.cycle) == (0, 1)
        assert client.ask("vCont;s:p1.2") == "T05thread:p1.2;" and one.harts[1].h.cycle == 1 and two.cycle == 1
        done = one.cycle
        word = two.symbols["word"]
        assert client.ask("Hgp2.2") == "OK" and client.ask(f"Z2,{word:x},4") == "OK"
        assert client.ask("vCont;c:p2.-1") == f"T05watch:{word:x};thread:p2.1;"
        assert client.ask("Hcp2.-1") == "OK" and client.ask("bc") == "T05replaylog:begin;thread:p2.1;"
        assert two.cycle == 0 and one.cycle == done
        assert client.ask("vCont;c:p2.-1").startswith("T05watch")
        assert client.ask("Hgp1.1") == "OK" and client.ask("Hcp1.1") == "OK"
        assert client.ask("bc") == "T05replaylog:begin;thread:p1.1;" and two.cycle > 0


def test_each_is_changed_and_watched_at_its_own_addresses() -> None:
    one, two = machines()
    with debugged(one, two) as (client, _):
        assert client.ask("Hgp2.1") == "OK" and client.ask("M80000100,2:abcd") == "OK"
        assert two.read(RAM + 0x100, 2) == b"\xab\xcd" and one.read(RAM + 0x100, 2) == b"\0\0"
        assert f"pc             {two.pc:08x}" in client.monitor("info registers")


def test_one_is_killed_and_the_other_goes_on() -> None:
    one, two = machines()
    with debugged(one, two) as (client, run):
        assert client.ask("vKill;1") == "OK" and client.ask("qfThreadInfo") == "mp2.1"
        assert client.ask("Hgp2.1") == "OK" and client.ask("vCont;c") == "W03;process:2"
        assert run.join().reason is ExitReason.KILLED


def test_what_no_one_debugs_runs_along() -> None:
    """While a guest that gdb debugs runs, and when there is none left."""
    one, two, three = machines((0, 3, 5))
    with debugged(one, two, three, extended=True) as (client, run):
        assert client.ask("vCont;c:p1.-1") == "W00;process:1"
        run.thread.join(60)
        assert finish(run) == [0, 3, 5]


def test_a_debugger_that_leaves_lets_all_go_on() -> None:
    one, two = machines()
    with debugged(one, two) as (client, run):
        assert client.ask("Z0,8000000c,4") == "OK"
        client.close()
        assert finish(run) == [0, 3] and not one.stops


def test_ctrl_c_stops_all() -> None:
    forever = [Machine.from_source("_start: addi t0, t0, 1; j _start", memory=1 << 16, engine="python") for _ in "ab"]
    with debugged(*forever) as (client, _):
        client.put("vCont;c")
        client.interrupt()
        assert client.next().startswith("T02thread:p")
        assert client.ask("vCont;s:p2.1") == "T05thread:p2.1;"


def test_a_limit_of_instructions_ends_one_guest() -> None:
    one, two = machines()
    run = Debugged([one, two], waits=True, reversible=True)
    run.guests[0].max_instructions = 100
    run.thread.start()
    client = Client(run.place)
    assert client.ask("qSupported:multiprocess+") and client.ask("vCont;c:p1.-1") == "W00;process:1"
    assert one.cycle == 100 and run.guests[0].end is not None and run.guests[0].end.reason is ExitReason.LIMIT
    client.put("k")
    run.join()
    client.close()


@pytest.mark.slow
def test_gdb_with_two_inferiors(tool: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session of the document: gdb says what stands there, and the guests print and end as alone."""
    monkeypatch.chdir(ROOT)
    gdb = tool("gdb-multiarch")
    text = (DOCS / "debugging.md").read_text(encoding="utf-8").partition("## Several guests")[2]
    (script,) = re.findall(r"```gdb\n(.*?)```", text.partition("\n## ")[0], re.S)
    (shown,) = re.findall(r"```text\n(.*?)```", text.partition("\n## ")[0], re.S)
    kernels = [Path("programs/boot/timer.s"), Path("programs/boot/threads.s")]
    command = [sys.executable, "-m", "trapline", "virt", *map(str, kernels), "--gdb", "0", "-S"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None and run.stdout is not None
        place = next(found[1] for line in run.stderr if (found := re.search(r"waiting for gdb at (\S+)", line)))
        options = [part for line in script.replace(":1234", place).splitlines() for part in ("-ex", line)]
        done = subprocess.run([gdb, "-q", "-nx", "-batch", *options], capture_output=True, text=True, timeout=120)
        printed = run.stdout.read()
    assert run.returncode == 0
    for kernel in kernels:
        lines = invoke("boot", str(kernel)).stdout.decode().splitlines()
        assert [line.partition("| ")[2] for line in printed.splitlines() if line.startswith(kernel.stem)] == lines
    said = done.stdout.replace(place, ":1234").splitlines()
    columns = [[line.split() for line in lines] for lines in (said, shown.splitlines())]  # as wide as the port
    assert columns[0] == columns[1], done.stderr
