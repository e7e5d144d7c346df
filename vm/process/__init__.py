"""The process VM: a user program in U mode with Linux system calls that the host serves."""

from trapline.vm.process.process import Process
from trapline.vm.process.result import Reason, Result

__all__ = ["Process", "Reason", "Result"]
