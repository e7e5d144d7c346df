"""Options of the commands: reports, traces, sizes and limits, listings, the choice of a preprocessor.

The trace has the form of Spike's commit log (`spike -l --log-commits`); the words in it are GNU as's encodings.
"""

import json
import os
import re
import time

import pytest

from support.budget import CHECKED, PLAIN
from support.cli.command import Outcome, invoke, refused, write
from trapline.vm.cli.asm import list_program

LOOP = "_start: addi t0, t0, 1\n j _start\n"
EXIT = "_start: li a0, 7\n li a7, 93\n ecall\n"
TRAPS = """_start: la t0, handler
csrw mtvec, t0
li s0, 3
1: ecall
addi s0, s0, -1
bnez s0, 1b
ebreak
li t0, 0x63333
li t1, 0x100000
sw t0, (t1)
.balign 4
handler: csrr t0, mepc
addi t0, t0, 4
csrw mepc, t0
mret
"""
KEYS = {
    "schema", "exit_reason", "exit_code", "retired_instructions", "wall_seconds", "mips", "pc", "traps", "system_calls",
    "resets", "sha256", "translator", "diagnostics",
}  # fmt: skip


# Reports


def report_of(outcome: Outcome) -> dict:
    """The object on stdout's last line."""
    assert outcome.stdout.endswith(b"\n")
    return json.loads(outcome.stdout.splitlines()[-1])


def test_json_of_a_process(tmp_path):
    report = report_of(invoke("run", write(tmp_path, "guest.s", EXIT), "--json", "-"))
    assert set(report) == KEYS
    assert (report["exit_reason"], report["exit_code"]) == ("exit", 7)
    assert report["retired_instructions"] == 2, "the ecall traps and does not retire"
    assert report["system_calls"] == {"exit": 1} and report["traps"] == {}
    assert re.fullmatch("[0-9a-f]{64}", report["sha256"]) and re.fullmatch("0x[0-9a-f]{8}", report["pc"])


def test_json_of_a_machine(tmp_path):
    report = report_of(invoke("boot", write(tmp_path, "guest.s", TRAPS), "--json", "-"))
    assert set(report) == KEYS
    assert (report["exit_reason"], report["exit_code"]) == ("halted", 6)
    assert report["traps"] == {"environment call from M-mode": 3, "breakpoint": 1}
    before, each, handler, after = 4, 2, 4, 4
    assert report["retired_instructions"] == before + 3 * each + 4 * handler + after


@pytest.mark.parametrize("name", ["run", "boot"])
def test_json_speed_fits_the_time(tmp_path, name):
    path = write(tmp_path, "guest.s", LOOP)
    report = report_of(invoke(name, path, "--max-instructions", "50k", "--json", "-"))
    assert report["retired_instructions"] == 50_000 and report["exit_reason"] == "instruction limit"
    assert 0 < report["wall_seconds"] < 30
    assert report["mips"] == pytest.approx(report["retired_instructions"] / report["wall_seconds"] / 1e6, rel=0.1)


@pytest.mark.parametrize("arguments", [["--json"], ["--json", "-"]])
def test_json_is_the_last_line(tmp_path, arguments):
    """Behind what the guest printed, on a line of its own even when that does not end with a newline."""
    source = (
        "_start: li a0, 1\n la a1, m\n li a2, 2\n li a7, 64\n ecall\n li a7, 93\n li a0, 0\n ecall\n.data\nm: .ascii "
    )
    for text, start in (('"ab"', b"ab\n{"), ('"a\\n"', b"a\n{")):
        outcome = invoke("run", write(tmp_path, "guest.s", source + text), *arguments)
        assert outcome.stdout.startswith(start) and report_of(outcome)["exit_code"] == 0
    kernel = "_start: li a0, 0x10000000\n li a1, 'x'\n sb a1, (a0)\n wfi"
    outcome = invoke("boot", write(tmp_path, "guest.s", kernel), *arguments)
    assert outcome.stdout.startswith(b"x\n{") and report_of(outcome)["exit_reason"].startswith("idle")


@pytest.mark.parametrize("name", ["run", "boot"])
def test_json_to_a_file(tmp_path, name):
    path = write(tmp_path, "guest.s", LOOP)
    target = write(tmp_path, "report", "x" * 10_000)
    outcome = invoke(name, path, "--max-instructions", "5", f"--json={target}")
    assert outcome.stdout == b""
    text = target.read_text()
    assert text.count("\n") == 1 and set(json.loads(text)) == KEYS


def test_the_digest_is_of_registers_and_memory(tmp_path):
    """Equal for equal runs and for both engines; different when one byte of memory or one register is."""

    def digest(text: str, *options: str) -> str:
        outcome = invoke("boot", write(tmp_path, "guest.s", text), "--memory", "1M", "--json", "-", *options)
        return report_of(outcome)["sha256"]

    text = "_start: la t0, byte\n li t1, 1\n sb t1, (t0)\n li t1, 0\n wfi\nbyte: .byte 0"
    first = digest(text)
    assert first == digest(text) == digest(text, "--engine", "python")
    assert first != digest(text.replace("li t1, 1", "li t1, 2"))
    assert first != digest(text.replace("li t1, 0", "li t1, 3"))


@pytest.mark.parametrize("name, text, parts", [
    ("run", EXIT, ["exit, status 7, pc 0x", "2 instructions in ", "1  system call exit"]),
    ("boot", TRAPS, ["halted, status 6, pc 0x", "30 instructions in ", "3  environment call from M-mode"]),
])  # fmt: skip
def test_stats_go_to_stderr(tmp_path, name, text, parts):
    outcome = invoke(name, write(tmp_path, "guest.s", text), "--stats")
    assert outcome.stdout == b""
    for part in parts:
        assert part in outcome.message


@pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates")
def test_what_the_translator_did(tmp_path):
    """In lines, and in the object; without it in neither."""
    program = write(tmp_path, "guest.s", "_start: li t0, 2000\n1: addi t0, t0, -1\n bnez t0, 1b\n" + TRAPS[7:])
    outcome = invoke("boot", program, "--max-output", "1K", "--stats", "--json", "-")
    report = report_of(outcome)
    assert sum(tier["steps"] for tier in report["translator"]["tiers"].values()) == report["retired_instructions"] + 4
    assert "steps by how they were executed:" in outcome.message
    outcome = invoke("boot", program, "--no-translate", "--stats", "--json", "-")
    assert report_of(outcome)["translator"] is None and "executed" not in outcome.message


# The trace

LINE = re.compile(
    r"core +0: [013] 0x[0-9a-f]{8} \(0x[0-9a-f]{8}\)( x\d{1,2} +0x[0-9a-f]{8})?( c\d+_\w+ 0x[0-9a-f]{8})*"
    r"( mem 0x[0-9a-f]{8}( 0x([0-9a-f]{2}|[0-9a-f]{4}|[0-9a-f]{8}))?)?"
)


def test_the_trace_of_a_process(tmp_path):
    source = "_start: li t0, 5\n sw t0, -4(sp)\n lb t1, -4(sp)\n li a0, 0\n li a7, 93\n ecall\n"
    trace = tmp_path / "trace"
    assert invoke("run", write(tmp_path, "guest.s", source), "--text-base", "0x10000", "--trace", trace).status == 0
    lines = trace.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert lines[0] == "core   0: 0 0x00010000 (0x00500293) x5  0x00000005"
    assert re.fullmatch(r"core   0: 0 0x00010004 \(0xfe512e23\) mem 0x[0-9a-f]{8} 0x00000005", lines[1])
    assert re.fullmatch(r"core   0: 0 0x00010008 \(0xffc10303\) x6  0x00000005 mem 0x[0-9a-f]{8}", lines[2])
    assert len(lines) == 5, "the ecall does not retire"


def test_the_trace_of_a_machine(tmp_path):
    trace = tmp_path / "trace"
    outcome = invoke("boot", write(tmp_path, "guest.s", TRAPS), "--trace", trace, "--json", "-")
    lines = trace.read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert len(lines) == report_of(outcome)["retired_instructions"]
    assert lines[2] == "core   0: 3 0x80000008 (0x30529073) c773_mtvec 0x80000030"
    assert lines[-1].endswith(" mem 0x00100000 0x00063333")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_trace_on_stdout(tmp_path, options):
    """In order with what the guest prints, and stdout stays open for the report."""
    source = (
        "_start: li a0, 1\n la a1, m\n li a2, 2\n li a7, 64\n ecall\n li a7, 93\n li a0, 0\n ecall\n.data\nm: .ascii "
    )
    outcome = invoke("run", write(tmp_path, "guest.s", source + '"a\\n"'), "--trace", "-", *options)
    lines = outcome.stdout.decode().splitlines()
    assert lines[5] == "a" and all(LINE.fullmatch(line) for line in [*lines[:5], *lines[6:8]]), lines
    assert len(lines) == 8 + len(options) and outcome.status == 0


def test_a_trace_changes_nothing(tmp_path):
    path = write(tmp_path, "guest.s", TRAPS)
    plain, traced = (
        report_of(invoke("boot", path, "--json", "-", *options)) for options in ([], ["--trace", os.devnull])
    )
    for key in KEYS - {"wall_seconds", "mips"}:
        assert plain[key] == traced[key]


# Sizes and limits


@pytest.mark.parametrize("size, last", [("4K", 0x80000FFC), ("1M", 0x800FFFFC), ("1MiB", 0x800FFFFC),
                                        ("64k", 0x8000FFFC), ("8192", 0x80001FFC)])  # fmt: skip
def test_memory_is_what_was_asked_for(tmp_path, size, last):
    """The last word can be loaded, the next one cannot."""
    path = write(tmp_path, "guest.s", f"_start: li t0, {last}\n lw t1, (t0)\n lw t1, 4(t0)\n wfi")
    outcome = invoke("boot", path, "--memory", size, "--max-instructions", "5", "--trace", tmp_path / "trace")
    lines = (tmp_path / "trace").read_text().splitlines()
    assert lines[-1].endswith(f" mem {last:#010x}"), "the second load does not retire"
    assert outcome.status == 124


SIZES = ["0", "1000", "4095", "3G", "2049M", "-1M", "1T", "1.5M", "", "M", "x", "٣M", "0x1000", "1e6", "9" * 5000]
COUNTS = ["0", "-5", "1.5", "1e30", "nan", "inf", "x", "", "k"]
SECONDS = ["0", "-1", "nan", "inf", "1e400", "x", ""]
ADDRESSES = ["-1", "0x100000000", "5G", "x", ""]


@pytest.mark.parametrize("option, value", [
    *(("--memory", value) for value in SIZES), *(("--max-instructions", value) for value in COUNTS),
    *(("--timeout", value) for value in SECONDS), *(("--text-base", value) for value in ADDRESSES),
    ("--engine", "qemu"), ("--cpp", "m4"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["run", "boot"])
def test_an_invalid_value_is_refused(tmp_path, name, option, value):
    outcome = invoke(name, write(tmp_path, "guest.s", LOOP), option, value, "--max-instructions", "1")
    if option == "--max-instructions":
        outcome = invoke(name, write(tmp_path, "guest.s", LOOP), option, value)
    refused(outcome, "Invalid value for ", f"'{option}'", value[:50], lines=None)


@pytest.mark.parametrize("isa, part", [
    ("rv64ima", "'rv64ima'"), ("rv32imaq", "no 'q' (quadruple precision)"), ("rv32i", "lacks 'm'"), ("", "''"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["run", "boot"])
def test_an_unknown_isa_string(tmp_path, name, isa, part):
    refused(invoke(name, write(tmp_path, "guest.s", LOOP), "--isa", isa), part)


@pytest.mark.parametrize("isa, lacking", [("rv32gc", "F and D"), ("rv32imaf_zba", "F"), ("rv32imac", "")])
def test_an_isa_string_of_which_floating_point_is_absent(tmp_path, isa, lacking):
    source = write(tmp_path, "guest.s", "_start: li a7, 93\n li a0, 7\n ecall\n")
    outcome = invoke("run", source, "--isa", isa, "--engine", "python")
    assert outcome.status == 7
    warning = f"trapline: warning: this machine lacks {lacking} of '{isa}': floating-point instructions are illegal\n"
    assert outcome.stderr.decode() == (warning if lacking else "")


def test_an_unknown_engine_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAPLINE_ENGINE", "qemu")
    for name in ("run", "boot"):
        refused(invoke(name, write(tmp_path, "guest.s", LOOP)), "'qemu' is not 'numba' or 'interpreter' or 'python'")


RUNS = {
    "run": "run guest.s", "boot": "boot guest.s", "virt": "virt guest.s", "debug": "debug guest.s --batch -e continue",
    "demo": "demo shell",
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("engine, kind", [(None, "interpreter"), ("numba", "interpreter"), ("python", "python")])
def test_no_translate_leaves_the_translator_out(tmp_path, monkeypatch, name, engine, kind):
    """Whatever runs the guest, and it is no mistake where there is none."""
    write(tmp_path, "guest.s", EXIT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAPLINE_ENGINE", raising=False)
    kinds = []

    def refuse(**options: object) -> None:
        kinds.append(options["kind"])
        raise ValueError("enough is known")

    monkeypatch.setattr("trapline.vm.machine.Engine", refuse)
    options = ["--no-translate"] if engine is None else ["--engine", engine, "--no-translate"]
    refused(invoke(*RUNS[name].split(), *options), "enough is known")
    assert kinds == [kind]


def test_no_translate_is_no_option_of_a_kernel(tmp_path):
    """`debug` does not take a program for a kernel because of it."""
    program = write(tmp_path, "guest.s", EXIT)
    outcome = invoke("debug", program, "--no-translate", "--batch", "-e", "continue")
    assert outcome.status == 7, outcome.message


@pytest.mark.parametrize("arguments, part", [
    ([], "Usage: trapline"), (["run"], "Missing argument 'PROGRAM...'"), (["asm"], "Missing argument"),
    (["rum"], "No such command 'rum'. Did you mean 'run'?"), (["boot", "x.s", "--memry", "1M"], "--memory"),
    (["isa", "show", "mrte"], "did you mean 'mret'?"), (["bench", "fibb"], "no benchmark named 'fibb'"),
    (["demo", "nope"], "no demo named 'nope'; known: shell, recursion, interfaces, ipc, servers, containers,"),
    (["isa", "show", "qqq"], "trapline: no instruction or CSR 'qqq'; 'trapline isa' lists the instructions"),
    (["run", "x.s", "--env", "A"], "--env A: is not NAME=VALUE"),
    (["isa", "decode", "0x100000000"], "longer than 32 bits"),
])  # fmt: skip
def test_bad_usage(arguments, part):
    outcome = invoke(*arguments)
    assert outcome.status == 2 and part in outcome.message + outcome.stdout.decode()


# Assembling


def test_listing_and_symbols(tmp_path):
    source = "_start: la a0, end\n1: beq a0, a1, 1b\n bnez a0, _start\nend: ret\n.word 0x12345678\n"
    path = write(tmp_path, "guest.s", source)
    outcome = invoke("asm", path, "-o", tmp_path / "out", "--text-base", "0x1000", "--listing", "-", "--symbols")
    lines = outcome.stdout.decode().splitlines()
    assert {"00001000 _start", "00001010 end"} <= set(lines)
    shown = [line.split("  ", 1)[1].split()[:4] for line in lines if re.match("[0-9a-f]{8}: ", line)]
    assert ["bnez", "a0,", "_start", f"{path}:3"] in shown and ["ret", f"{path}:4"] in shown
    assert os.access(tmp_path / "out", os.X_OK)


def test_lines_for_debuggers(tmp_path):
    path = write(tmp_path, "lines.s", "_start: nop\n ebreak\n")
    sizes = []
    for options in ([], ["-g"], ["--debug", "--debug-prefix-map", f"{tmp_path}=/src"]):
        assert invoke("asm", *options, path, "-o", tmp_path / "out").status == 0
        elf = (tmp_path / "out").read_bytes()
        assert (b".debug_line" in elf) == bool(options)
        assert (b"/src" in elf) == (bytes(tmp_path) not in elf and bool(options))
        sizes.append(len(elf))
    assert sizes[0] < sizes[2]
    refused = invoke("asm", "-g", path, "--debug-prefix-map", "nothing", "-o", tmp_path / "out")
    assert refused.status == 2 and "'nothing' is not OLD=NEW" in refused.message
    assert invoke("run", path, "--max-instructions", "9").message.count("lines.s:2") == 1


def test_a_long_listing_takes_time_by_its_length(tmp_path):
    """Twenty thousand instructions with a label each: quadratic work would take minutes."""
    from trapline.asm import assemble

    source = "_start: nop\n" + "".join(f"l{number}: nop\n" for number in range(20_000))
    program = assemble([write(tmp_path, "guest.s", source)])
    begin = time.monotonic()
    text = list_program(program)
    assert text.count("\n") == 2 * 20_001
    assert time.monotonic() - begin < 10


@pytest.fixture
def fake_preprocessor(tmp_path, monkeypatch) -> None:
    """The first name that is looked for, on a PATH without any other program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = write(folder, "riscv32-unknown-elf-cpp", "#!/bin/sh\necho '_start: li a0, 42; li a7, 93; ecall'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.usefixtures("fake_preprocessor")
def test_the_systems_preprocessor(tmp_path):
    """It gets .S files when asked for, and never others."""
    upper, lower = write(tmp_path, "guest.S", EXIT), write(tmp_path, "guest.s", EXIT)
    assert invoke("run", upper).status == 7
    assert invoke("run", upper, "--cpp", "system").status == 42
    assert invoke("run", lower, "--cpp", "system").status == 7
    invoke("asm", upper, "--cpp", "system", "-o", tmp_path / "out")
    assert invoke("run", tmp_path / "out").status == 42


def test_no_preprocessor_on_this_system(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = invoke("boot", write(tmp_path, "guest.S", EXIT), "--cpp", "system")
    refused(outcome, "no C preprocessor on PATH", lines=2)


@pytest.mark.parametrize("cpp", ["pcpp", "system"])
def test_both_preprocessors_define_and_include(tool, tmp_path, cpp):
    tool("cpp")
    (tmp_path / "include").mkdir()
    write(tmp_path / "include", "status.h", "#define STATUS (BASE + 1)\n")
    source = '#include "status.h"\n' + EXIT.replace("7", "STATUS", 1)
    path = write(tmp_path, "guest.S", source)
    assert invoke("run", path, "--cpp", cpp, "-I", tmp_path / "include", "-D", "BASE=4").status == 5
