"""C programs linked statically with picolibc: over system calls, as under QEMU, and over semihosting."""

from pathlib import Path

from support.process.processes import build, run, run_qemu

GUESTS = Path(__file__).parent / "guests"

PLACED = [f"-Wl,--defsym=__{name}={value}" for name, value in
          (("flash", "0x10000"), ("flash_size", "0x80000"), ("ram", "0x100000"), ("ram_size", "0x80000"))]  # fmt: skip
SEMIHOSTED = (GUESTS / "semihosted.c").read_text()
PICOLIBC = ("--specs=picolibc.specs", "-O2", "-w")


def test_over_system_calls_as_under_qemu(tool, tmp_path):
    path = build(tool, tmp_path, (GUESTS / "count.c").read_text(), f"-I{GUESTS}", *PICOLIBC, "-nostartfiles", *PLACED)
    arguments, environment = ["count", "a b", ""], {"LANG": "C"}
    stdin = b"The quick brown fox jumps over the lazy dog. The dog, the fox: THE END\n" * 3
    ours, theirs = run(path, arguments, environment, stdin), run_qemu(tool, path, arguments, environment, stdin)
    assert ours.stdout.decode().splitlines() == theirs.stdout.decode().splitlines()
    assert ours.status == theirs.status == 30
    assert b"the       |  15|0xf" in ours.stdout and ours.stdout.endswith(b"goodbye\n")


def test_over_semihosting_with_the_librarys_own_start(tool, tmp_path):
    """Its linker script puts code at 0x10000000 and data at 0x20000000, and its start copies the data there."""
    options = (*PICOLIBC, "--oslib=semihost", "--crt0=hosted")
    outcome = run(build(tool, tmp_path, SEMIHOSTED, *options), stdin=b"axbxcx\n")
    assert outcome.stdout.decode() + outcome.stderr.decode() == "hello 42 memory\nto stderr\n3 x, file not there\n"
    assert outcome.status == 7
    assert outcome.result.system_calls["semihosting exit_extended"] == 1


def test_a_program_that_allocates_nothing(tool, tmp_path):
    """It has no heap, whose bounds name the RAM, and a stack all the same."""
    source = """#include <stdio.h>
    static int deep(int n) { volatile char room[700]; room[0] = n; return n ? room[0] + deep(n - 1) : 0; }
    int main(void) { printf("%d\\n", deep(30)); return 3; }"""
    path = build(tool, tmp_path, source, *PICOLIBC, "-fno-inline", "--oslib=semihost", "--crt0=hosted")
    outcome = run(path)
    assert (outcome.stdout, outcome.stderr, outcome.status) == (b"465\n", b"", 3)


def test_a_program_for_the_bare_machine_says_so(tool, tmp_path):
    """The start file for semihosting sets mtvec, which is not for U mode."""
    outcome = run(build(tool, tmp_path, SEMIHOSTED, *PICOLIBC, "--oslib=semihost", "--crt0=semihost"))
    assert outcome.status == 132
    assert b"`trapline boot` runs a whole machine" in outcome.stderr
