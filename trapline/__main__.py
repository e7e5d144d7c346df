"""The command `trapline` as a process of its own, also as `python -m trapline`."""

import signal
import sys
from contextlib import suppress

from trapline.vm.cli.main import discard_output, main


def run() -> None:
    """Run the command; a Ctrl-C while the interpreter shuts down no longer changes its exit status.

    By then Python has restored the system's handler, which would kill the process.
    """
    try:
        main()
    finally:
        try:
            with suppress(ValueError):  # closed
                sys.stdout.flush()
        except (KeyboardInterrupt, OSError):  # the reader is gone, or Ctrl-C was pressed again
            discard_output()
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    run()
