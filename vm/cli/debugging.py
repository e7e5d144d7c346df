"""Where gdb's stub and the log of events plug into the commands that boot."""

from trapline.vm.cli.options import DebugOptions
from trapline.vm.cli.user_errors import fail


def check(options: DebugOptions) -> None:
    """Refuse what is asked for and is not there yet: none of it may be ignored in silence."""
    if options.gdb is not None or options.freeze:
        fail("a stub for gdb (-s, -S, -gdb) is not there yet")
    if options.log is not None or options.log_file is not None:
        fail("a log of events (-d, -D) is not there yet; --trace FILE logs instructions, `trapline virt` exits")
