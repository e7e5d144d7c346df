"""Command lines of QEMU: what they become, what is said of them, and that ours stay as they are."""

import re
import shlex
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from hypothesis import example, given
from hypothesis import strategies as st

from support.cli.command import invoke, refused, write
from support.gnu import Find, qemu_system, run_tool
from support.paths import DOCS
from trapline.vm.cli.boot import boot_command
from trapline.vm.cli.main import main
from trapline.vm.cli.option_groups import names_of, values_behind
from trapline.vm.cli.qemu_options import AS_HERE, IGNORED, REFUSED, VALUES
from trapline.vm.cli.qemu_words import QemuWordError, Translation, translate

OWN = {name: values_behind(p) for p in boot_command.params if p.param_type_name == "option" for name in names_of(p)}
OWN |= {"--help": 0, "-h": 0}
BIN = ("--engine", "python", "--max-instructions", "5k")
HELLO = "_start: li t0, 0x10000000; li t1, 'h'; sb t1, (t0); li t0, 0x100000; li t1, 0x5555; sw t1, (t0)"


def words(line: str) -> list[str]:
    """A command line as `trapline boot` gets it; nothing of it is ignored."""
    done = translate(shlex.split(line), OWN)
    assert done.remark == "", done
    return done.words


@pytest.mark.parametrize("qemu, ours", [
    ("-kernel k -bios none -append 'a b' -initrd i -dtb t", "--kernel k --bios none --append 'a b' --initrd i --dtb t"),
    ("--kernel k --nographic", "--kernel k"),
    ("qemu-system-riscv32 -kernel k", "--kernel k"),
    ("/opt/qemu/bin/qemu-system-riscv32 -M virt k", "k"),
    ("-machine virt -nographic -serial mon:stdio -display none -monitor none -accel tcg -nic none -snapshot", ""),
    ("-machine type=virt,aclint=off,kernel=k,append=a,,b,firmware=none", "--kernel k --append a,b --bios none"),
    ("-M virt,dumpdtb=t", "--dump-dtb t"),
    ("-cpu rv32,f=false,d=off,c=no,m=true,Zicsr=on", ""),
    ("-m 64 -smp cpus=2", "-m 64 -smp cpus=2"),
    ("-drive file=a,if=none,id=x -device virtio-blk-device,drive=x -device loader,addr=0,cpu-num=1",
     "--drive file=a,if=none,id=x --device virtio-blk-device,drive=x --device loader,addr=0,cpu-num=1"),
    ("-global virtio-mmio.force-legacy=false", "--virtio modern"),
    ("-global driver=virtio-mmio,property=force-legacy,value=on", "--virtio legacy"),
    ("-serial stdio", ""),
    ("-serial file:out.txt", "--console-log out.txt"),
    ("-semihosting", "--semihosting"),
    ("-semihosting-config enable=on,target=native", "--semihosting"),
    ("-semihosting-config off", "--no-semihosting"),
    ("-no-reboot", "--no-reboot"),
    ("-action reboot=shutdown", "--no-reboot"),
    ("-s -S", "-s -S"),
    ("-gdb tcp::99", "--gdb 99"),
    ("-gdb tcp:0.0.0.0:99,server", "--gdb 0.0.0.0:99"),
    ("-gdb none", ""),
    ("-D log -d int,exec", "--log int,exec --log-file log"),
    ("-D log -d int,exec k -- -d x", "--log int,exec k --log-file log -- -d x"),
    ("-d in_asm,exec,mmu,int", "--log exec,mmu,int"),
    ("qemu-system-riscv32 -D log --log int k", "--log int k --log-file log"),
    ("-D NAME k.S", "-D NAME k.S"),
    ("-DNAME -d int k.S", "-DNAME --log int k.S"),
    ("--append -d -D NAME", "--append -d -D NAME"),
    ("k -- -nographic -x", "k -- -nographic -x"),
    ("-help", "--help"),
    ("--json -nographic", "--json"),
])  # fmt: skip
def test_what_it_becomes(qemu: str, ours: str) -> None:
    assert words(qemu) == shlex.split(ours)


@pytest.mark.parametrize("line, remark", [
    ("-icount shift=0 -name x", "-icount shift=0 (time is counted in instructions anyway; see --clock), -name x (noth"),
    ("-m 64M,slots=2,maxmem=1G", "-m slots=2,maxmem=1G (RAM does not grow)"),
    ("-M virt,aclint=on", "-machine aclint=on (this board has no such choice)"),
    ("-cpu rv32,c=true", "-cpu c=true (--isa says what a hart has)"),
    ("-cpu rv32,m=false", "-cpu m=false"),
    ("-cpu sifive-u34", "-cpu sifive-u34"),
    ("-netdev user,id=n -device virtio-net-device", "-device virtio-net-device (there is no network)"),
    ("-device virtio-gpu-device", "(this board has none)"),
    ("-object rng-random,id=r,filename=/dev/urandom", "(entropy is the same in each run)"),
    ("-serial stdio -serial null", "-serial null (there is one serial port)"),
    ("-serial pty", "-serial pty (the console is here)"),
    ("-accel kvm", "-accel kvm"),
    ("-global x.y=z", "-global x.y=z (no device here has that property)"),
    ("-monitor stdio -display gtk", "-monitor stdio (there is no monitor), -display gtk (there is no screen)"),
    ("-semihosting-config enable=on,arg=x", "-semihosting-config arg=x"),
    ("-action panic=none", "-action panic=none"),
    ("-d cpu,int,nochain", "-d cpu (--trace FILE has the registers that change), -d nochain (exec has every"),
    ("-d guest_errors -D x", "-d guest_errors (a guest's mistakes trap, and int shows it), -D x (nothing is logged)"),
    ("-d trace:x*", "-d trace:x* (--trace and --exit-log write what happens here)"),
    ("qemu-system-riscv32 -D log k", "-D log (nothing is logged)"),
])  # fmt: skip
def test_what_is_ignored_with_a_word(line: str, remark: str) -> None:
    found = translate(shlex.split(line), OWN).remark
    assert found.startswith("ignored: ") and remark in found and "\n" not in found


@pytest.mark.parametrize("line, part", [
    ("-nograpic", "No such option: -nograpic; did you mean '-nographic'?"),
    ("--nograpic", "did you mean '--nographic'?"),
    ("--max-instruction 5", "did you mean '--max-instructions'?"),
    ("-xyzzy=1", "No such option: -xyzzy"),
    ("-M spike", "the only machine here is virt"),
    ("-M vrit", "did you mean 'virt'?"),
    ("-M virt,kernal=x", "no such property 'kernal'; did you mean 'kernel'?"),
    ("-cpu rv64", "a hart has 32 bits here"),
    ("-cpu rv23", "did you mean 'rv32'?"),
    ("-hda disk.img", "write --drive file=PATH instead"),
    ("-device virtio-blk-pci,drive=x", "the board has no PCI; write virtio-blk-device"),
    ("-pflash x", "no flash"),
    ("-gdb unix:/tmp/x", "write -gdb tcp::1234"),
    ("-kernel", "-kernel needs a value"),
    ("qemu-system-riscv64 -M virt", "it has 32 bits"),
    ("qemu-system-arm", "this machine is that of qemu-system-riscv32"),
    ("-version", "write trapline --version"),
])  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str, part: str) -> None:
    with pytest.raises(QemuWordError, match=re.escape(part)):
        translate(shlex.split(line), OWN)
    refused(invoke("boot", *shlex.split(line)), part, lines=None)


OWN_OPTIONS = st.sampled_from(sorted(OWN))
WORD = st.sampled_from(["k.s", "-", "", "a=b", "virt", "1", "-s", "-D", "int", "-append", "x,,y=z,q"]) | st.text()
ANY = st.lists(st.sampled_from(sorted("-" + name for name in VALUES)) | OWN_OPTIONS | WORD)


@given(st.lists(st.tuples(OWN_OPTIONS, WORD) | st.sampled_from(["k.s", "-", "a+b"]).map(lambda word: (word, None))))
def test_a_command_line_of_ours_stays_as_it_is(options: list[tuple[str, str | None]]) -> None:
    line = []
    for name, value in options:
        line += [name, *([str(value).replace(",", "")] if OWN.get(name) else [])]
    assert translate(line, OWN) == Translation(line)


@given(ANY)
@example(["-M", "virt,=", "-cpu", ",", "-global", "=", "-gdb", "tcp:", "-action", "", "-m", ","])
def test_any_words_are_translated_into_ours_or_refused(line: list[str]) -> None:
    """And what comes out is translated no further."""
    try:
        done = translate(line, OWN)
    except QemuWordError:
        return
    assert translate(done.words, OWN) == Translation(done.words)


def test_the_example_of_the_document() -> None:
    (line,) = re.findall(r"^```sh\ntrapline (.*?)\n```$", (DOCS / "qemu.md").read_text(), re.M | re.S)
    outcome = invoke(*shlex.split(line.replace("\\\n", "")))
    assert outcome.status == 0 and outcome.stdout
    assert outcome.message.startswith("trapline: ignored: -icount shift=0 (")


def test_all_options_of_qemu_are_known(tool: Find) -> None:
    """Those of its own help."""
    text = run_tool(tool("qemu-system-riscv32"), "-help").decode()
    names = {part for word in re.findall(r"^--?(\S+)", text, re.M) for part in word.replace("/-", " ").split()}
    assert len(names) > 90
    assert names - VALUES.keys() - {"h"} == set()


def test_the_document_lists_them() -> None:
    rows = re.findall(r"^\| (`-.*?) \| (.*) \|$", (DOCS / "qemu.md").read_text(), re.M)
    listed = [name for names, _ in rows for name in re.findall(r"`-(.*?)`", names)]
    assert sorted(listed) == sorted(VALUES)
    said = {name: what for names, what in rows for name in re.findall(r"`-(.*?)`", names)}
    assert {name for name, what in said.items() if what == "ignored with a word"} == {*IGNORED, "object"}
    assert {name for name, what in said.items() if what.startswith("refused: ")} == set(REFUSED)
    assert {name for name, what in said.items() if what == "what is so anyway"} == AS_HERE.keys()


def test_a_pasted_command_line(tool: Find, tmp_path: Path) -> None:
    """The same words for both."""
    elf = tmp_path / "kernel"
    assert invoke("asm", write(tmp_path, "k.s", HELLO), "-o", elf, "--text-base", "0x80000000").status == 0
    disk = write(tmp_path, "disk.img", bytes(512))
    line = f"-smp 2 -m 64M -drive file={disk},if=none,format=raw,id=x0 -device virtio-blk-device,drive=x0 -icount 0"
    expected = qemu_system(tool, elf, *shlex.split(line), "-display", "none", "-no-reboot")
    outcome = invoke(
        "boot", "/usr/bin/qemu-system-riscv32", "-machine", "virt", "-cpu", "rv32,f=false", "-bios", "none",
        "-nographic", *shlex.split(line), "-kernel", elf, "-no-reboot",
    )  # fmt: skip
    assert (outcome.status, outcome.stdout) == (expected.status, expected.output) == (0, b"h")
    assert outcome.message.splitlines()[0] == (
        "trapline: ignored: -icount 0 (time is counted in instructions anyway; see --clock)"
    )


def test_in_a_virtual_machine(tmp_path: Path) -> None:
    kernel = write(tmp_path, "k.s", HELLO)
    line = "qemu-system-riscv32 -M virt -nographic -m 1M -no-reboot -name x --technique interpret -kernel"
    outcome = invoke("virt", *shlex.split(line), kernel, "--engine", "python")
    assert (outcome.status, outcome.stdout) == (0, b"h"), outcome
    assert outcome.message == "trapline: ignored: -name x (nothing shows it)\n"
    logged = invoke("virt", kernel, "-d", "exec", "-D", tmp_path / "log", "--engine", "python")
    assert (logged.status, logged.stdout) == (0, b"h") and (tmp_path / "log").read_text().count("\n") > 2


def test_help_and_completion_work(tmp_path: Path) -> None:
    shown = invoke("boot", "--help")
    assert shown.status == 0 and "-kernel kernel.elf" in shown.stdout.decode() and "--log" in shown.stdout.decode()
    assert invoke("boot", "-nographic", "-help").stdout == shown.stdout
    complete = ShellComplete(main, {}, "trapline", "_TRAPLINE_COMPLETE")
    for before in (["boot"], ["boot", "-nographic"], ["boot", "qemu-system-riscv32", "-M"], ["boot", "-nograpic"]):
        found = [item.value for item in complete.get_completions(before, "--max-i")]
        assert found == ["--max-instructions"], before
