"""The command `trapline` as a process of its own, also as `python -m trapline`."""

import signal
import sys
from contextlib import suppress

from trapline.vm.cli.main import discard_output, main


def run() -> None:
    """The command; its end is not changed any more by a Ctrl-C that comes while the interpreter shuts down.

    For a part of that time Python has put the handler of the system back, which would kill the process.
    """
    try:
        main()
    finally:
        try:
            with suppress(ValueError):  # closed
                sys.stdout.flush()
        except (KeyboardInterrupt, OSError):  # nobody reads it, and Ctrl-C was pressed again
            discard_output()
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    run()
