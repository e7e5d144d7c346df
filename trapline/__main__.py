"""The command `trapline` as a process of its own, also as `python -m trapline`."""

import sys
from contextlib import suppress

from trapline.vm.cli.main import discard_output, main
from trapline.vm.host import signals


def run() -> None:
    """Run the command; a Ctrl-C while the interpreter shuts down no longer changes its exit status."""
    signals.for_good()
    try:
        main()
    finally:
        try:
            with suppress(ValueError):  # closed
                sys.stdout.flush()
        except OSError:  # the reader is gone
            discard_output()


if __name__ == "__main__":
    run()
