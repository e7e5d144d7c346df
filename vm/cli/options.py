"""The options that commands share, as values: one frozen dataclass for those that belong together."""

from dataclasses import dataclass

import click

from trapline.vm.cli.option_groups import option, option_group
from trapline.vm.cli.parameters import Address, Count, FirstOrLast, PerGuest, Seconds, Size
from trapline.vm.exits.clock import KINDS as CLOCKS
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]
"""Techniques of a hypervisor."""
DEFAULT_TECHNIQUE = "trap"

LOG_FORMATS = ("text", "jsonl", "chrome")
LOG_LIMIT = 100_000
"""Exits that an exit log has unless something else is asked for: some 15 MB."""


@option_group("Sources")
@dataclass(frozen=True)
class AssemblyOptions:
    """How sources are assembled and linked."""

    entry: str | None = option("--entry", metavar="SYMBOL", help="Where the program starts.  [default: _start]")
    text_base: int | None = option("--text-base", type=Address(), metavar="ADDRESS", help="Where .text starts.")
    include_dirs: tuple[str, ...] = option(
        "-I", default=(), multiple=True, metavar="DIR", help="Look for included files here too."
    )
    defines: tuple[str, ...] = option(
        "-D", default=(), multiple=True, metavar="NAME[=VALUE]", help="Define a macro for .S sources."
    )
    cpp: str = option(
        "--cpp", type=click.Choice(["pcpp", "system"]), default="pcpp", show_default=True,
        help="Preprocess .S sources with what trapline brings, or with the C preprocessor of this system.",
    )  # fmt: skip


@option_group("Machine")
@dataclass(frozen=True)
class MachineOptions:
    """What the machine is. memory: bytes of RAM; real_mleak: of the real harts that a hypervisor has."""

    isa: str = option(
        "--isa", default="rv32ima", show_default=True, metavar="STRING", help="Which ISA the machine has."
    )
    memory: int = option(
        "--memory", type=Size(), default=128 << 20, spelled="128M", show_default=True, metavar="SIZE",
        help="RAM, with K, M or G.",
    )  # fmt: skip
    harts: int = option(
        "--harts",
        type=click.IntRange(1, 8),
        default=1,
        show_default=True,
        metavar="N",
        help="How many harts there are.",
    )
    clock: str = option(
        "--clock", type=click.Choice(CLOCKS), default=CLOCKS[0], show_default=True,
        help="mtime counts instructions and skips idle time, so that a run repeats; or it follows the wall clock.",
    )  # fmt: skip
    drives: tuple[str, ...] = option(
        "--drive", default=(), multiple=True, metavar="file=PATH[,...]",
        help="A disk over a file: readonly=on, write=on (changes go to the file; else they are gone at the end), "
        "if=virtio|none, format=raw, id=ID.",
    )  # fmt: skip
    devices: tuple[str, ...] = option(
        "--device", default=(), multiple=True, metavar="NAME[,bus=virtio-mmio-bus.N]",
        help="virtio-blk-device,drive=ID, virtio-rng-device or virtio-serial-device (a console).",
    )  # fmt: skip
    virtio: str = option(
        "--virtio", type=click.Choice(["legacy", "modern"]), default="legacy", show_default=True,
        help="Registers of the virtio slots: version 1, as on QEMU unless told otherwise, or 2.",
    )  # fmt: skip
    engine: str | None = option(
        "--engine", type=click.Choice(["numba", "python"]), help="Compiled, or plain Python: slow, the reference."
    )
    real_mleak: int = option(
        "--mleak", type=Address(), default=0, metavar="MASK",
        help="Holes of Xleak that trap in U mode of the real hart, as bits of its mleak; 0xff mends all.  [default: 0]",
    )  # fmt: skip


@option_group("Boot")
@dataclass(frozen=True)
class BootOptions:
    """What is booted, named as QEMU's options where it has them."""

    kernel_file: str | None = option("--kernel", metavar="FILE", help="The kernel, as on QEMU.")
    bios: str | None = option(
        "--bios", metavar="none|default|FILE",
        help="What is below the kernel: nothing, so that it starts in M mode; the built-in SBI; M-mode firmware. "
        "By default the SBI for a Linux boot image and for what is linked at 0x80200000 or 0x80400000, else none.",
    )  # fmt: skip
    sbi: bool = option("--sbi", default=False, is_flag=True, help="The same as --bios default.")
    initrd: str | None = option("--initrd", metavar="FILE", help="An initial RAM disk for the kernel.")
    append: str | None = option("--append", metavar="TEXT", help="The kernel's command line.")
    load_address: int | None = option(
        "--load-address", type=Address(), metavar="ADDRESS",
        help="Where a raw image goes.  [0x80000000; 0x80400000 over firmware]",
    )  # fmt: skip
    dump_dtb: str | None = option("--dump-dtb", metavar="FILE", help="Write the device tree to FILE and boot nothing.")


@option_group("Console")
@dataclass(frozen=True)
class ConsoleOptions:
    """Where the guest's console comes from and goes to. last_input: bytes that follow when a file or pipe ends."""

    input_file: str | None = option("--input", metavar="FILE", help="Take console input from FILE, not from stdin.")
    console_log: str | None = option("--console-log", metavar="FILE", help="Write what the kernel prints to FILE, too.")
    last_input: bytes = b""


@option_group("Limits")
@dataclass(frozen=True)
class Limits:
    """When a run is stopped. timeout: seconds of wall clock."""

    max_instructions: int | None = option(
        "--max-instructions", type=Count(), metavar="N", help="Stop after this many (10M and 1e6 work)."
    )
    timeout: float | None = option("--timeout", type=Seconds(), metavar="SECONDS", help="Stop after this.")


@option_group("Output")
@dataclass(frozen=True)
class Outputs:
    """What a run leaves besides the guest's own output."""

    stats: bool = option("--stats", default=False, is_flag=True, help="Tell on stderr what the run did and how fast.")
    json_file: str | None = option(
        "--json", metavar="[FILE]", is_flag=False, flag_value="-",
        help="Write a JSON object about the run to FILE, or as stdout's last line.",
    )  # fmt: skip
    trace: str | None = option(
        "--trace", metavar="FILE", help="Write a line per instruction as Spike's commit log does; - is stdout; slow."
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
        help="When shadow page tables follow the guest's: at its fences, or at every store to them as well.",
    )  # fmt: skip
    memory: tuple[int, ...] = option(
        "--memory", type=PerGuest(Size()), default=(128 << 20,), spelled="128M", show_default=True, metavar="SIZE",
        help="RAM, with K, M or G.",
    )  # fmt: skip
    share: tuple[int, ...] | None = option(
        "--share", type=PerGuest(click.IntRange(1, 100)), metavar="N:N...",
        help="Shares of several guests in the host's steps, such as 2:1.  [default: all the same]",
    )  # fmt: skip
    compare: bool = option(
        "--compare", default=False, is_flag=True, help="Run bare and under every technique, and tell the differences."
    )
    show_translation: str | None = option(
        "--show-translation", metavar="FILE",
        help="With --technique translate: write the guest's code and what was made of it, side by side; - is stdout.",
    )  # fmt: skip


@option_group("Exits of the guest")
@dataclass(frozen=True)
class ExitOptions:
    """What is made visible of a guest's exits. exit_log_limit: (how many, whether the last ones)."""

    exit_log: str | None = option(
        "--exit-log", metavar="FILE", help="Write a record for each exit of the guest; - is stdout."
    )
    exit_log_format: str | None = option(
        "--exit-log-format", type=click.Choice(LOG_FORMATS),
        help="Lines, JSON lines, or a trace for Perfetto and chrome://tracing.  [default: by the name: .jsonl, "
        ".json, else text]",
    )  # fmt: skip
    exit_log_limit: tuple[int, bool] | None = option(
        "--exit-log-limit", type=FirstOrLast(), metavar="[last:]N",
        help=f"Write the first, or the last, this many exits.  [default: {LOG_LIMIT}]",
    )  # fmt: skip
    explain: int | None = option(
        "--explain", type=Count(), metavar="N",
        help="Tell in sentences what exit N is, why it happens and what is done; nothing else is printed.",
    )  # fmt: skip
    report: str | None = option(
        "--report", metavar="FILE",
        help="Write a page about the run: modes over time, exits by cause and function, page faults. (needs the "
        "extra `plot`)",
    )  # fmt: skip


@dataclass(frozen=True)
class RunOptions:
    """What a command asks of one run of a machine."""

    limits: Limits = Limits()
    outputs: Outputs = Outputs()
    console: ConsoleOptions = ConsoleOptions()
    exits: ExitOptions = ExitOptions()
