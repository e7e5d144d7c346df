"""`trapline bench`: how fast this machine is here."""

from typing import Any

import click

from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.bundled import bundled_programs
from trapline.vm.cli.command_files import STDIO
from trapline.vm.cli.option_groups import JSON, JSON_FILE, Command
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.user_errors import fail, reported

NANO = "nano"


class Bench(Command):
    """The command, or `trapline bench nano` when that word comes first."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the command line."""
        if args[:1] == [NANO]:
            from trapline.vm.cli.bench_nano import nano_command

            return nano_command.make_context(f"{info_name} {NANO}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("bench", cls=Bench, topics=("nano-benchmarks", "engine"))
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--repeats", type=click.IntRange(1, 20), default=3, show_default=True, help="Best of this many runs.")
@click.option("--peer/--no-peer", default=True, help="Run the same ELF on QEMU too, where it is installed.")
@click.option("--json", JSON_FILE, **JSON, help="Write a JSON object to FILE, or print it instead of the table.")
def bench_command(names: tuple[str, ...], repeats: int, peer: bool, json_file: str | None) -> None:
    """Run the benchmark programs and print million instructions per second.

    NAME is one of fib, sieve, matmul, sha256 (user programs), trap and walk (on the bare machine); all by
    default. With QEMU installed, the last column gives the speed relative to QEMU.

    \b
    trapline bench
    trapline bench fib trap --repeats 5
    trapline bench nano --help  # one operation, bare and under each technique of the hypervisor
    """
    from trapline.vm.bench import programs as bench

    known = bench.PROCESS_PROGRAMS + bench.BOARD_PROGRAMS
    for name in names:
        if name not in known:
            fail(f"no benchmark named '{name}'; known: {', '.join(known)}; or {NANO}")
    rows: list[dict[str, Any]] = []
    with reported():
        output_files.check_writable(json_file)
        for name in names or known:
            try:
                m = bench.measure(
                    bundled_programs() / "bench", name, repeats=repeats, peer=peer, announce=announce_compilation
                )
            except bench.BenchmarkError as error:
                fail(str(error))
            rows.append({"name": name, "instructions": m.instructions, "seconds": m.seconds, "mips": m.mips,
                         "times_qemu": m.ratio})  # fmt: skip
            if json_file != STDIO:
                against = f"{m.ratio:8.2f} x QEMU" if m.ratio is not None else ""
                click.echo(
                    f"{name:8} {m.instructions:>13,} instructions {m.seconds:8.3f} s {m.mips:7.0f} MIPS {against}"
                )
        if json_file:
            json_output.write(json_file, {"benchmarks": rows})
