"""What QEMU's stub answers, ours answers too, and more: a table that is held against QEMU itself."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.gdb.client import Client, debugged
from support.gnu import SYSTEM_QEMU, Find
from support.paths import ROOT
from trapline import Machine
from trapline.vm.gdb.packets import unescaped

pytestmark = pytest.mark.slow

FEATURES = "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+"
SAME = [
    "!", "?", "qC", "qAttached", "qAttached:1", "Hgp1.2", "Hgp1.1", "Hg0", "Hc-1", "Hgp9.1", "Hgp1.9", "Tp1.2", "Tp1.9",
    "T0", "m80000000,8", "m0,4", "mffffffff,4", "M80000400,2:abcd", "m80000400,2", "Z0,80000004,4", "Z1,80000004,4",
    "Z2,80000100,4", "Z3,80000100,4", "Z4,80000100,4", "Z5,0,0", "z0,80000004,4", "z1,80000004,4", "z2,80000100,4",
    "z3,80000100,4", "z4,80000100,4", "qqemu.PhyMemMode", "Qqemu.PhyMemMode:1", "qqemu.PhyMemMode",
    "Qqemu.PhyMemMode:0", "Qqemu.sstep=1", "qqemu.sstep", "qXfer:features:read:none.xml:0,10", "vMustReplyEmpty",
    "vAttach;1", "vAttach;7", "P20=00000080", "p20", "P5=78563412", "p5", "qTStatus", "qOffsets", "vCont;s:p1.1", "p20",
]  # fmt: skip
"""Packets with the same answer."""
MORE = {
    "vCont?": ("vCont;c;C;s;S", "vCont;c;C;s;S;r"),
    "qfThreadInfo": ("mp1.1", "mp1.1,p1.2"),
    "qsThreadInfo": ("mp1.2", "l"),
    "qqemu.sstepbits": ("ENABLE=1,NOIRQ=2,NOTIMER=4", "ENABLE=1"),
    "X80000400,1:a": ("", "OK"),
    "QStartNoAckMode": ("", "OK"),
    "QNonStop:1": ("", "E22"),
    "QNonStop:0": ("", "OK"),
    "qXfer:memory-map:read::0,5": ("", "m<?xml"),
    "qXfer:threads:read::0,5": ("", "m<?xml"),
    "z0,80000008,4": ("E22", "OK"),  # the manual wants z to be idempotent
}
"""Packets whose answers differ, QEMU's and ours."""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "timer"
    assert invoke("asm", "programs/boot/timer.s", "-o", path, "--text-base", "0x80000000").status == 0
    return path


@pytest.fixture
def qemu(tool: Find, kernel: Path, tmp_path: Path) -> Iterator[Client]:
    """A client of QEMU's stub."""
    place = tmp_path / "gdb"
    command = [tool("qemu-system-riscv32"), *SYSTEM_QEMU, "-smp", "2", "-kernel", str(kernel), "-S"]
    command += ["-chardev", f"socket,id=gdb,path={place},server=on,wait=off", "-gdb", "chardev:gdb"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        while not place.exists():
            assert run.poll() is None
            time.sleep(0.02)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(60)
        connection.connect(str(place))
        client = Client.over(connection)
        yield client
        client.close()
        run.kill()


def plain(answer: str) -> str:
    """An answer with thread ids as we write them: QEMU pads the numbers."""
    return re.sub(r"p0*(\d+)\.0*(\d+)", r"p\1.\2", answer)


def document(client: Client, name: str) -> str:
    """A description, whole."""
    text = ""
    while True:
        piece = client.ask(f"qXfer:features:read:{name}:{len(text):x},7f0")
        text += unescaped(piece[1:].encode()).decode()
        if piece[0] == "l":
            return text


def registers(text: str) -> dict[str, int]:
    """Names and numbers of a description, where a number follows the one before unless it is given."""
    found, number = {}, -1
    for line in re.findall(r"<reg [^>]*>", text):
        given = re.search(r'regnum="(\d+)"', line)
        number = int(given[1]) if given else number + 1
        name = re.search(r'name="(\w+)"', line)
        assert name is not None
        found[name[1]] = number
    return found


def test_the_table(qemu: Client, kernel: Path) -> None:
    machine = Machine.from_file(kernel, engine="python", memory=128 << 20, harts=2)
    with debugged(machine) as (ours, _):
        theirs = qemu.ask(FEATURES).split(";")
        supported = set(ours.ask(FEATURES).split(";"))
        assert {part for part in theirs if not part.startswith("PacketSize")} <= supported
        assert {"ReverseStep+", "QStartNoAckMode+", "qXfer:memory-map:read+", "qXfer:threads:read+"} <= supported
        general = registers(document(qemu, "riscv-32bit-cpu.xml"))
        known = registers(document(ours, "target.xml"))
        names = {"fp": "s0"}
        assert {names.get(name, name): number for name, number in general.items()}.items() <= known.items()
        assert "riscv-csr.xml" in document(qemu, "target.xml")
        csrs = document(qemu, "riscv-csr.xml") + document(qemu, "riscv-32bit-virtual.xml")
        missing = registers(csrs).keys() - known.keys()  # their numbers are those of each description
        assert not {name for name in missing if name in machine.csr}, missing
        assert {"mstatus", "satp", "mcause", "sepc", "pmpaddr15", "mcycle", "priv"} <= registers(csrs).keys()
        for packet in SAME:
            assert plain(qemu.ask(packet)) == ours.ask(packet), packet
        for packet, answers in MORE.items():
            assert (plain(qemu.ask(packet)), ours.ask(packet)) == answers, packet
        assert ours.ask("bs") == "T05thread:p1.1;"  # without a recording, QEMU 7.2 fails in an assertion
        assert ours.ask("bc") == "T05replaylog:begin;thread:p1.1;"
