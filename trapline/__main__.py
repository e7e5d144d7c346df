"""The command `trapline` as a process of its own, also as `python -m trapline`."""

import gc
import os
import sys
from contextlib import suppress

RARELY = (100_000, 20, 20)
"""Thresholds of the garbage collector. To import is to make much that stays: looking it through, again and again, is a
fifth of the time of a short command."""

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "1")
"""What numpy asks when it is imported. It would start a thread for each processor, to wait busily for matrices that
nobody multiplies: 50 ms of each."""


def run() -> None:
    """Run the command; a Ctrl-C before it, or while the interpreter shuts down, prints no traceback."""
    gc.set_threshold(*RARELY)
    os.environ.setdefault(*ONE_THREAD)
    try:
        from trapline.vm.cli.main import discard_output, main
        from trapline.vm.host import signals
        from trapline.vm.host.at_exit import leave
    except KeyboardInterrupt:
        exec("")  # see `vm.host.signals.ignored`
        sys.exit(INTERRUPTED)
    signals.for_good()
    status: object = None
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
        raise
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                with suppress(ValueError):  # closed
                    stream.flush()
            except OSError:  # the reader is gone, or the disk is full
                discard_output(stream)
        # Nor is all of it looked through once more while the interpreter shuts down.
        gc.freeze()
        if isinstance(status, int):
            leave(status)


INTERRUPTED = 130
"""The exit status of a command that Ctrl-C has ended, as in a shell."""

if __name__ == "__main__":
    run()
