"""The options that commands share, as values: one frozen dataclass for those that belong together."""

from dataclasses import dataclass

import click

from trapline.vm.cli.command_files import DeviceFile, DriveFile, InputFile, OutputPath, WordOrFile
from trapline.vm.cli.option_groups import JSON, option, option_group
from trapline.vm.cli.parameters import (
    Address,
    Bytes,
    Count,
    FirstOrLast,
    HartCount,
    IsaString,
    LeakMask,
    PerGuest,
    SavePath,
    Seconds,
    Size,
)
from trapline.vm.cli.qemu_options import GDB_PORT
from trapline.vm.core.records import MAX_HARTS
from trapline.vm.engine_kinds import KINDS, untranslated
from trapline.vm.exits.clock_kinds import KINDS as CLOCKS
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]
"""Techniques of a hypervisor."""
DEFAULT_TECHNIQUE = "trap"

LOG_FORMATS = ("text", "jsonl", "chrome")
EVENT_LIMIT = 1_000_000
"""Events in a log by default: some 150 MB."""
LOG_LIMIT = 100_000
"""Exits in an exit log by default: some 15 MB."""


@option_group("Sources")
@dataclass(frozen=True)
class AssemblyOptions:
    """How sources are assembled and linked."""

    entry: str | None = option("--entry", metavar="SYMBOL", help="Entry point.  [default: _start]")
    text_base: int | None = option("--text-base", type=Address(), metavar="ADDRESS", help="Address of .text.")
    include_dirs: tuple[str, ...] = option(
        "-I", default=(), multiple=True, metavar="DIR", help="Search this folder for included files."
    )
    defines: tuple[str, ...] = option(
        "-D", default=(), multiple=True, metavar="NAME[=VALUE]", help="Define a macro for .S sources."
    )
    cpp: str = option(
        "--cpp", type=click.Choice(["pcpp", "system"]), default="pcpp", show_default=True,
        help="Preprocess .S sources with the built-in pcpp, or with the C preprocessor of this system.",
    )  # fmt: skip


@option_group("Machine")
@dataclass(frozen=True)
class MachineOptions:
    """What the machine is. memory: bytes of RAM; real_mleak: of the real harts that a hypervisor has."""

    isa: str = option(
        "--isa", type=IsaString(), default="rv32ima", show_default=True, metavar="STRING",
        help="The ISA of the machine, such as rv32imac_zba_zbb_zbs.",
    )  # fmt: skip
    memory: int = option(
        "-m", "--memory", type=Size(), default=128 << 20, spelled="128M", show_default=True, metavar="SIZE",
        help="Size of RAM, such as 64M or 1G.",
    )  # fmt: skip
    harts: int = option(
        "--smp", "-smp", "--harts", type=HartCount(1, MAX_HARTS), default=1, show_default=True, metavar="N",
        help="Number of harts.",
    )  # fmt: skip
    clock: str = option(
        "--clock", type=click.Choice(CLOCKS), default=CLOCKS[0], show_default=True,
        help="What mtime follows: instructions, so that runs repeat and idle time is skipped, or the wall clock.",
    )  # fmt: skip
    drives: tuple[str, ...] = option(
        "--drive", type=DriveFile(), default=(), multiple=True, metavar="file=PATH[,...]",
        help="A disk backed by a file. Options: readonly=on, write=on (keep changes in the file instead of dropping "
        "them at exit), if=virtio|none, format=raw, id=ID, serial=TEXT; QEMU's others (cache=none ...) are ignored "
        "with a word.",
    )  # fmt: skip
    devices: tuple[str, ...] = option(
        "--device", type=DeviceFile(), default=(), multiple=True, metavar="NAME[,bus=virtio-mmio-bus.N]",
        help="A device: virtio-blk-device,drive=ID, virtio-rng-device or virtio-serial-device (a console). Or "
        "loader,file=PATH[,addr=N], which puts a file into RAM.",
    )  # fmt: skip
    virtio: str = option(
        "--virtio", type=click.Choice(["legacy", "modern"]), default="legacy", show_default=True,
        help="Register layout of the virtio slots: version 1, which is QEMU's default, or 2.",
    )  # fmt: skip
    engine: str | None = option(
        "--engine",
        type=click.Choice(list(KINDS)),
        help="Compiled, the same without translating what runs often, or plain Python: the reference, and slow.",
    )
    no_translate: bool = option(
        "--no-translate", default=False, is_flag=True,
        help="Translate nothing to machine code of this computer: slower, with the same results. Only the compiled "
        "engine translates.",
    )  # fmt: skip
    real_mleak: int = option(
        "--mleak", type=LeakMask(), default=0, metavar="MASK",
        help="mleak of the real harts: each set bit makes a hole of Xleak trap in U mode; 0xff fixes all.  "
        "[default: 0]",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.no_translate:
            object.__setattr__(self, "engine", untranslated(self.engine))


@option_group("Boot")
@dataclass(frozen=True)
class BootOptions:
    """What is booted, named as QEMU's options where it has them."""

    kernel_file: str | None = option("--kernel", type=InputFile(), metavar="FILE", help="The kernel, as on QEMU.")
    bios: str | None = option(
        "--bios", type=WordOrFile("none", "default"), metavar="none|default|FILE",
        help="Firmware below the kernel: none, so that it starts in M mode; the built-in SBI; or a file.  [default: "
        "the SBI for Linux boot images and for kernels linked at 0x80200000 or 0x80400000, else none]",
    )  # fmt: skip
    sbi: bool = option("--sbi", default=False, is_flag=True, help="Same as --bios default.")
    initrd: str | None = option(
        "--initrd", type=InputFile(), metavar="FILE", help="An initial RAM disk for the kernel."
    )
    append: str | None = option("--append", metavar="TEXT", help="The kernel's command line.")
    load_address: int | None = option(
        "--load-address", type=Address(), metavar="ADDRESS",
        help="Load address of a raw image.  [default: 0x80000000; above firmware 0x80400000]",
    )  # fmt: skip
    semihosting: bool | None = option(
        "--semihosting/--no-semihosting", default=None,
        help="Serve semihosting requests on the console.  [default: for kernels that start in M mode]",
    )  # fmt: skip
    no_reboot: bool = option(
        "--no-reboot", default=False, is_flag=True,
        help="End the run when the guest resets the machine, with status 0, instead of booting again.",
    )  # fmt: skip
    dtb: str | None = option(
        "--dtb",
        type=InputFile(),
        metavar="FILE",
        help="Use this device tree; --append and --initrd are written into it.",
    )
    dump_dtb: str | None = option(
        "--dump-dtb", type=OutputPath(), metavar="FILE", help="Write the device tree to FILE (- for stdout) and exit."
    )


@option_group("Console")
@dataclass(frozen=True)
class ConsoleOptions:
    """Where the guest's console reads and writes. last_input: bytes that follow when a file or pipe ends."""

    input_file: str | None = option(
        "--input", type=InputFile(), metavar="FILE", help="Read console input from FILE instead of stdin."
    )
    console_log: str | None = option(
        "--console-log", type=OutputPath(), metavar="FILE",
        help="Write console output to FILE as well, as it comes: others can follow it.",
    )  # fmt: skip
    last_input: bytes = b""


@option_group("Limits")
@dataclass(frozen=True)
class Limits:
    """When a run is stopped. timeout: seconds of wall clock; max_output: bytes."""

    max_instructions: int | None = option(
        "--max-instructions", type=Count(), metavar="N", help="Stop after N instructions, such as 10M or 1e6."
    )
    timeout: float | None = option(
        "--timeout", type=Seconds(), metavar="SECONDS", help="Stop after this much wall-clock time."
    )
    max_output: int | None = option(
        "--max-output",
        type=Bytes(),
        metavar="SIZE",
        help="Stop a guest that prints more than this, such as 64K or 10M.",
    )


@option_group("Debugging")
@dataclass(frozen=True)
class DebugOptions:
    """What QEMU's -gdb, -s, -S, -d and -D ask for; `vm.cli.debugging` says what is there.

    gdb: `PORT` or `HOST:PORT`; gdb_here: the port that QEMU has for `-s`; freeze: wait for gdb before the first
    instruction; log: items with commas between; log_limit: lines.
    """

    gdb: str | None = option(
        "--gdb",
        metavar="[HOST:]PORT",
        help="Let gdb connect, by `target remote :PORT`; only from this computer unless there is a HOST.",
    )
    gdb_here: bool = option("-s", default=False, is_flag=True, help="The same as --gdb 1234, as QEMU has it.")
    freeze: bool = option("-S", "--freeze", default=False, is_flag=True, help="Begin when gdb says so.")
    log: str | None = option(
        "--log", metavar="ITEM,...",
        help="Log events, one a line: int (traps and returns), exec (instructions; slow), mmu (page-table walks), csr "
        "(writes of CSRs). With last:N, only the last N, and only if the run goes wrong: at full speed.",
    )  # fmt: skip
    log_file: str | None = option(
        "--log-file", type=OutputPath(), metavar="FILE", help="Write the log to FILE (- for stdout) instead of stderr."
    )
    log_limit: int | None = option(
        "--log-limit", type=Count(), metavar="N", help=f"Stop logging after N events.  [default: {EVENT_LIMIT}]"
    )

    @property
    def place(self) -> str | None:
        """Where gdb may connect, as it was written."""
        return GDB_PORT if self.gdb is None and self.gdb_here else self.gdb


@option_group("Output")
@dataclass(frozen=True)
class Outputs:
    """What a run writes besides the output of the guest."""

    stats: bool = option("--stats", default=False, is_flag=True, help="Print statistics of the run on stderr.")
    json_file: str | None = option(
        "--json", **JSON, help="Write statistics as a JSON object to FILE, or as stdout's last line."
    )
    registers: bool = option(
        "--registers", default=False, is_flag=True, help="Add all registers and CSRs to the object of --json."
    )
    trace: str | None = option(
        "--trace",
        type=OutputPath(),
        metavar="FILE",
        help="Write retired instructions to FILE (- for stdout) in the form of Spike's commit log. Slow.",
    )


@option_group("Virtual machines")
@dataclass(frozen=True)
class HypervisorOptions:
    """How guests are run. technique: None where the command decides; memory, share: one value for all, or for each."""

    technique: str | None = option(
        "--technique", type=click.Choice(UNDER),
        help=f"How the hypervisor runs guests.  [default: {DEFAULT_TECHNIQUE}; with --compare: all]",
    )  # fmt: skip
    shadow: str = option(
        "--shadow", type=click.Choice(SHADOWS), default=SHADOWS[0], show_default=True,
        help="When shadow page tables follow the guest's: at its fences, or also at every store to them.",
    )  # fmt: skip
    memory: tuple[int, ...] = option(
        "-m", "--memory", type=PerGuest(Size()), default=(128 << 20,), spelled="128M", show_default=True,
        metavar="SIZE",
        help="Size of RAM: for every guest, or one for each, as in 64M:32M.",
    )  # fmt: skip
    share: tuple[int, ...] | None = option(
        "--share", type=PerGuest(click.IntRange(1, 100)), metavar="N:N...",
        help="How several guests share execution time, such as 2:1.  [default: equally]",
    )  # fmt: skip
    compare: bool = option(
        "--compare", default=False, is_flag=True, help="Run bare and under every technique, and report differences."
    )
    show_translation: str | None = option(
        "--show-translation", type=OutputPath(), metavar="FILE",
        help="With --technique translate: write guest code and its translation, side by side, to FILE (- for stdout).",
    )  # fmt: skip


@option_group("Exits of the guest")
@dataclass(frozen=True)
class ExitOptions:
    """What is recorded of a guest's exits. exit_log_limit: (how many, whether the last ones)."""

    exit_log: str | None = option(
        "--exit-log",
        type=OutputPath(),
        metavar="FILE",
        help="Write a record of each exit of the guest to FILE (- for stdout).",
    )
    exit_log_format: str | None = option(
        "--exit-log-format", type=click.Choice(LOG_FORMATS),
        help="Text, JSON lines, or a trace for Perfetto and chrome://tracing.  [default: by FILE's ending: .jsonl, "
        ".json, else text]",
    )  # fmt: skip
    exit_log_limit: tuple[int, bool] | None = option(
        "--exit-log-limit", type=FirstOrLast(), metavar="[last:]N",
        help=f"Write the first N exits, or the last N.  [default: {LOG_LIMIT}]",
    )  # fmt: skip
    explain: int | None = option(
        "--explain", type=Count(), metavar="N",
        help="Explain exit N in sentences: what it is, why it happens, how it is handled. Prints nothing else.",
    )  # fmt: skip
    report: str | None = option(
        "--report", type=OutputPath(), metavar="FILE",
        help="Write an HTML report: modes over time, exits by cause and function, page faults. (Needs "
        "the extra `plot`.)",
    )  # fmt: skip


@option_group("Tests")
@dataclass(frozen=True)
class SuiteOptions:
    """Which tests run under what, and how the matrix is printed. isa: None for that of each test."""

    isa: str | None = option(
        "--isa", metavar="STRING", help="Run on this machine, and only the tests whose instructions it has."
    )
    techniques: tuple[str, ...] = option(
        "--technique", type=click.Choice(UNDER), default=(), multiple=True, help="Only this technique; may be repeated."
    )
    shadow: str = option(
        "--shadow", type=click.Choice(SHADOWS), default=SHADOWS[0], show_default=True, help="As for `virt`."
    )
    json_file: str | None = option("--json", **JSON, help="Write the matrix as a JSON object to FILE, or print it.")
    markdown: bool = option("--markdown", default=False, is_flag=True, help="Print the matrix as Markdown.")


@option_group("Snapshots")
@dataclass(frozen=True)
class StateOptions:
    """What is kept of a machine. save: a file, and after how many instructions (`SavePath`)."""

    save: str | None = option(
        "--save", type=SavePath(), metavar="FILE[@N]",
        help="Save the whole machine to FILE when the run ends, however it does; with @N after N instructions, and the "
        "run goes on. `trapline resume FILE` goes on from there.",
    )  # fmt: skip
    record: str | None = option(
        "--record", type=OutputPath(), metavar="FILE",
        help="Record all that comes from outside, as it comes, so that `trapline replay FILE` does the same again.",
    )  # fmt: skip


@dataclass(frozen=True)
class RunOptions:
    """What a command asks of one run of a machine. show_translation: see `vm.cli.translation`."""

    limits: Limits = Limits()
    outputs: Outputs = Outputs()
    console: ConsoleOptions = ConsoleOptions()
    exits: ExitOptions = ExitOptions()
    state: StateOptions = StateOptions()
    debug: DebugOptions = DebugOptions()
    show_translation: bool = False
