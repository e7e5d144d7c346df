"""A run is recorded while a debugger goes back and on in it; what the debugger changes ends the recording."""

from pathlib import Path

import pytest

from support.gdb.client import debugged
from support.snapshot_files import Case
from trapline.vm.snapshot_file.recording import Recorder, read_recording


@pytest.mark.parametrize("packet, ended", [("mRAM,4", False), ("P5=01000000", True)], ids=["looked", "changed"])
def test_what_a_debugger_does(packet: str, ended: bool, tmp_path: Path) -> None:
    path, reports = tmp_path / "file", []
    boot = Case("uart-interrupt.s").boot(tmp_path / "disk")
    machine = boot.build(stdin=b"ab\n", engine="python")
    with path.open("wb", buffering=0) as stream:
        # What is typed before a recording begins belongs to the machine: so it carries a snapshot.
        recorder = Recorder(machine, boot, stream, resumed=True, memory=1 << 20, report=reports.append)
        with debugged(machine) as (client, run):
            for _ in range(40):
                client.ask("vCont;s:p1.1")
            for _ in range(15):
                client.ask("bs")
            client.ask("vCont;s:p1.1")
            client.ask(packet.replace("RAM", "80000000"))
            reached = machine.cycle
            client.put("c")
            while client.next()[:1] not in ("W", "T", ""):
                pass
        recorder.finish(machine, run.join())
    recording = read_recording(str(path))
    assert reached == 26 and recording.technique == "bare"
    again = recording.build()
    recording.run(again)
    if ended:
        assert reports == ["the machine was changed: the recording ends after 40 instructions"]
        assert again.cycle == 40
    else:
        assert reports == [] and again.cycle == machine.cycle and again.digest() == machine.digest()
        assert again.console.output == machine.console.output
