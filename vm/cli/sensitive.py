"""`trapline sensitive`: its options; `vm.cli.sensitive_matrix` does the work."""

import click

from trapline.vm.cli.option_groups import Command, only, with_groups
from trapline.vm.cli.options import Limits, MachineOptions, SuiteOptions
from trapline.vm.cli.user_errors import reported


@click.command(
    "sensitive",
    cls=Command,
    topics=("xleak", "popek-goldberg", "hypervisor-techniques"),
    epilog="Exit status: 0 when the matrix is complete, whatever it shows; 2 for bad usage or input.",
)
@click.argument("names", nargs=-1, metavar="[TEST...]")
@with_groups(machine=only("engine", "no_translate", "real_mleak"), limits=only("timeout"))
@click.pass_context
def sensitive_command(
    context: click.Context, names: tuple[str, ...], suite: SuiteOptions, machine: MachineOptions, limits: Limits
) -> None:
    """Test sensitive instructions under each technique.

    The tests are the programs in programs/sensitive: each hole, each privileged instruction, situations of page
    tables and interrupts, and programs that try to find out whether they are virtualized. Each runs bare and under
    each technique, with one of three verdicts. Equivalent: it ends in the same state with the same output. Diverges:
    it does not, and the first instruction that differs is shown. Detected: the program itself notices.

    \b
    trapline sensitive
    trapline sensitive popf detect-vector --technique trap
    trapline sensitive --isa rv32ima --markdown
    """
    with reported():
        from trapline.vm.cli.sensitive_matrix import print_matrix

        context.exit(print_matrix(list(names), suite, machine, limits))
