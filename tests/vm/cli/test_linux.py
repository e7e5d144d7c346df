"""Linux 6.1, unmodified, boots to user space and powers off."""

import json
import subprocess
from pathlib import Path

import pytest

from support.cli.command import Outcome, command, execute
from support.gnu import SYSTEM_QEMU, run_tool
from support.kernels.foreign import guest
from support.paths import BOOT_KERNELS

pytestmark = pytest.mark.slow

FIRMWARE = BOOT_KERNELS / "firmware.s"


def init_lines(console: bytes) -> list[str]:
    """The output of the kernel's only program, without what differs between machines."""
    return [line for line in console.decode().replace("\r", "").splitlines() if line.startswith("init: ")]


def expected() -> list[str]:
    return init_lines(guest("linux/expected-console.txt").read_bytes())


def boot(*options: str | Path) -> Outcome:
    return execute("boot", guest("linux/Image"), *options, "--timeout", "120", timeout=150)


@pytest.fixture(scope="module")
def console_of_the_sbi(tmp_path_factory) -> tuple[Outcome, dict]:
    report = tmp_path_factory.mktemp("linux") / "report"
    outcome = boot("--append", "console=hvc0 earlycon=sbi", f"--json={report}")
    return outcome, json.loads(report.read_text())


def test_over_the_built_in_sbi(console_of_the_sbi):
    outcome, report = console_of_the_sbi
    assert (outcome.status, report["exit_reason"]) == (0, "halted")
    assert init_lines(outcome.stdout) == expected() != []
    assert "init: LINUX-USERLAND-OK" in expected()
    text = outcome.stdout.decode()
    for line in ("SBI specification v2.0 detected", "earlycon: sbi0", "Kernel command line: console=hvc0 earlycon=sbi"):
        assert line in text


def test_two_runs_are_the_same_to_the_last_byte(console_of_the_sbi, tmp_path):
    outcome, report = console_of_the_sbi
    again = boot("--append", "console=hvc0 earlycon=sbi", f"--json={tmp_path / 'report'}")
    assert again.stdout == outcome.stdout
    repeated = json.loads((tmp_path / "report").read_text())
    for key in ("sha256", "retired_instructions", "traps", "pc"):
        assert repeated[key] == report[key]


def test_on_the_uart(tmp_path):
    """The 16550 driver, interrupts through the PLIC, and a disk that is there to be found."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(64 << 10))
    outcome = boot("--append", "console=ttyS0", "--harts", "2", "--drive", f"file={disk}")
    assert (outcome.status, init_lines(outcome.stdout)) == (0, expected())
    assert b"ttyS0 at MMIO 0x10000000 (irq = " in outcome.stdout
    assert b"console [ttyS0] enabled" in outcome.stdout


def test_over_firmware_in_m_mode_here_and_on_qemu(tmp_path, tool):
    """The same firmware and the same kernel: `--bios` and `--kernel` mean what they mean to QEMU."""
    firmware = tmp_path / "firmware.elf"
    run_tool(*command("asm", FIRMWARE, "--text-base", "0x80000000", "-o", firmware))
    where = ("--bios", firmware, "--kernel", guest("linux/Image"), "--append", "console=hvc0 earlycon=sbi")
    ours = execute("boot", *where, "--timeout", "120", timeout=150)
    assert (ours.status, init_lines(ours.stdout)) == (0, expected())
    options = list(SYSTEM_QEMU)
    options[options.index("-bios") + 1] = str(firmware)
    options[options.index("-cpu") + 1] += ",sstc=false"
    qemu = [tool("qemu-system-riscv32"), *options, *(str(part).replace("--", "-") for part in where[2:])]
    theirs = subprocess.run(qemu, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert (theirs.returncode, init_lines(theirs.stdout)) == (0, expected())


def test_under_the_hypervisor_with_every_exit_noted(console_of_the_sbi, tmp_path):
    """It ends as on the bare machine; the log has the last of its 281,000 exits, the page all of them."""
    outcome, report = console_of_the_sbi
    log, page, virtual = tmp_path / "log.jsonl", tmp_path / "page.html", tmp_path / "report"
    pytest.importorskip("matplotlib")
    noted = execute(
        "virt", guest("linux/Image"), "--append", "console=hvc0 earlycon=sbi", "--exit-log", log, "--exit-log-limit",
        "last:5000", "--report", page, f"--json={virtual}", timeout=150,
    )  # fmt: skip
    assert noted.stdout == outcome.stdout
    ended = json.loads(virtual.read_text())
    for key in ("sha256", "retired_instructions", "traps", "pc"):
        assert ended[key] == report[key]
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(records) == 5000
    entries = sum(ended["exits"].values()) + ended["traps"]["supervisor timer interrupt"]
    assert records[-1]["exit"] == entries > 200_000
    assert f"<dd>{entries:,}</dd>" in page.read_text() and "first" not in page.read_text().partition("<img")[0]


@pytest.mark.parametrize(
    "how", [("boot",), ("virt", "--technique", "trap"), ("virt", "--technique", "assist")], ids=" ".join
)
def test_with_its_own_timer_and_its_own_accessed_bits(how: tuple[str, ...]) -> None:
    """It takes Sstc from the device tree, so it asks the SBI for no timer; it sets A and D itself."""
    outcome = execute(*how, guest("linux/Image"), "--isa", "rv32ima_sstc_svade", "--timeout", "120", timeout=150)
    assert (outcome.status, init_lines(outcome.stdout)) == (0, expected())
    assert b"Timer interrupt in S-mode is available via sstc extension" in outcome.stdout


def test_it_boots_again_after_a_panic():
    """Each boot prints the same, times included: nothing of the one before is left."""
    outcome = boot("--append", "console=hvc0 earlycon=sbi rdinit=/none panic=-1", "--max-instructions", "160M")
    assert outcome.status == 124 and " after 2 resets" in outcome.message
    first, second, third = outcome.stdout.split(b"] Linux version")[1:]
    assert b"Kernel panic" in first and first == second and second.startswith(third)
