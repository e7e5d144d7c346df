"""gdb at Linux, by address: from a word of its init process back into the kernel that wrote it, and on to the end."""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.gdb.scripted import BOOT, UNDER_TRAP, converse, script, undisturbed
from support.gnu import Find
from support.kernels.foreign import guest

pytestmark = [pytest.mark.slow, pytest.mark.once]

OPTIONS = ("--append", "console=hvc0 earlycon=sbi")
GZIP, WITH_HEADER = b"\x1f\x8b\x08", 16 + zlib.MAX_WBITS
ELF = b"\x7fELF"
WROTE = 0x1061C
"""Where init has called `write` with the last of its sum."""
SESSION = script(
    f"""
    # program
    break put
    continue
    continue
    continue
    info threads
    backtrace 2
    print/x $satp
    x/s &ut
    printf "%u\\n", $cycle
    # kernel
    delete
    eval "break *%u", $stvec
    continue
    info threads
    print/x $scause
    # back
    delete
    watch *(int *) &ut
    reverse-continue
    x/i $pc
    info threads
    print/x $satp
    output/x *(int *) &ut
    # around
    reverse-stepi
    x/i $pc
    stepi
    x/i $pc
    # forth
    continue
    x/i $pc - 4
    # again
    delete
    break put
    continue
    continue
    x/s &ut
    printf "%u\\n", $cycle
    # late
    delete
    break *{WROTE:#x}
    continue
    # state
    printf "%u\\n", $cycle
    info registers
    # far back
    break *&_start
    reverse-continue
    printf "%u\\n", $cycle
    # late again
    delete
    break *{WROTE:#x}
    continue
    # state again
    printf "%u\\n", $cycle
    info registers
    # on
    delete
    continue
    """
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The init process, out of the archive in the kernel's image, which is all of Linux that has symbols."""
    image = guest("linux/Image").read_bytes()
    for start in (found.start() for found in re.finditer(re.escape(GZIP), image)):
        archive = zlib.decompressobj(WITH_HEADER).decompress(image[start:])
        if ELF in archive:
            path = tmp_path_factory.mktemp("linux") / "init"
            path.write_bytes(archive[archive.index(ELF) :])
            return path
    pytest.fail("the image has no init")


@pytest.mark.parametrize("way", [BOOT, UNDER_TRAP], ids=" ".join)
def test_from_a_process_into_the_kernel_and_back(way: Sequence[str], tool: Find, tmp_path: Path, program: Path) -> None:
    image = guest("linux/Image")
    told = converse(tool, tmp_path, way, image, OPTIONS, program, SESSION)
    text = told.after("program")
    assert "(U mode) 0x000100a0 in put ()" in text and re.search(r"#1  0x\w+ in start \(\)", text)
    satp = re.findall(r"^\$\d+ = 0x8\w{7}$", text, re.M)
    assert satp and '<ut>:\t"Linux"' in text
    assert re.search(r"\(S mode\) 0xc0\w{6} in \?\? \(\)\n\$\d+ = 0x8\n", told.after("kernel") + "\n")
    back = told.after("back")
    store = re.findall(r"^=> (0xc0\w{6}):\ts[bhw]\t", back, re.M)
    assert len(store) == 1 and "(S mode)" in back and satp[0].partition("=")[2] in back
    assert "New value = 0\n" in back and back.endswith("0x0")
    around, forth = told.after("around"), told.after("forth")
    assert ":\tsret" in around and f"=> {store[0]}:" in around  # the first attempt was a page fault
    assert "New value = 1970170188\n" in forth and f"   {store[0]}:" in forth
    assert told.after("again").splitlines()[-2:] == text.splitlines()[-2:]
    state, early = told.after("state"), told.after("far back")
    assert "in _start ()" in early and int(early.split()[-1]) < int(state.split()[0])
    assert told.after("state again") == state
    alone = undisturbed(tmp_path, way, image, *OPTIONS)
    assert (told.report["sha256"], told.console) == (alone.report["sha256"], alone.console)
    assert "exited normally" in told.text and told.status == alone.status == 0
