"""The thread that compiles regions while guests run: LLVM does not need Python's lock meanwhile.

A command that ends does not wait for it (`vm.host.at_exit.leave`).
"""

import os
import threading
from contextlib import suppress
from queue import SimpleQueue

from trapline.vm.host.at_exit import wait_at_exit
from trapline.vm.translator.host import region_file
from trapline.vm.translator.regions.compilation import Code, compile_region
from trapline.vm.translator.regions.formation import Block, Region
from trapline.vm.translator.stencils import NoStencilsError

WAITING = 64
"""Regions that may wait to be compiled; there is no use in more."""


class Job:
    """A region to compile, and then its code: None while it is not there, or if LLVM cannot make it.

    hot: the blocks under whose names it is kept.
    """

    def __init__(self, region: Region, hot: list[Block]) -> None:
        self.region = region
        self.hot = hot
        self.code: Code | None = None
        self.done = False

    def compile(self) -> None:
        """Have LLVM compile it."""
        with suppress(NoStencilsError):
            self.code = compile_region(self.region)
        self.done = True

    def keep(self) -> None:
        """Keep its code on disk."""
        if self.code is not None:
            region_file.store(self.hot, self.region.steps, self.code)


class Worker:
    """One thread for all machines of a process, which is there once there is something to compile."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._compiling = False

    def is_compiling(self) -> bool:
        """Whether LLVM is at work: it cannot be stopped."""
        return self._compiling

    def submit(self, job: Job) -> bool:
        """Have a region compiled; whether it will be."""
        if self._stopping or self._jobs.qsize() >= WAITING:
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="trapline-regions", daemon=True)
            self._thread.start()
            wait_at_exit(self.stop, self.is_compiling)
        self._jobs.put(job)
        return True

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stopping:
            self._compiling = True
            job.compile()
            self._compiling = False
            job.keep()

    def stop(self) -> None:
        """Wait for the region that is being compiled, and compile no other: LLVM must not outlive its process."""
        self._stopping = True
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """In a forked process, which has no such thread: compile nothing, as LLVM may have been interrupted."""
        self._thread = None
        self._stopping = True
        self._compiling = False


WORKER = Worker()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKER.forget)
