"""Error and signal numbers of Linux, as a RISC-V user program sees them."""

ENOENT = 2
ESRCH = 3
EINTR = 4
EIO = 5
E2BIG = 7
EBADF = 9
EAGAIN = 11
ENOMEM = 12
EACCES = 13
EFAULT = 14
EEXIST = 17
ENODEV = 19
ENOTDIR = 20
EINVAL = 22
EMFILE = 24
ENOTTY = 25
ENOSPC = 28
ESPIPE = 29
EPIPE = 32
ERANGE = 34
ENAMETOOLONG = 36
ENOSYS = 38
ETIMEDOUT = 110

SIGINT = 2
SIGILL = 4
SIGTRAP = 5
SIGABRT = 6
SIGBUS = 7
SIGKILL = 9
SIGSEGV = 11
SIGPIPE = 13
SIGCHLD = 17
SIGCONT = 18
SIGSTOP = 19
SIGURG = 23
SIGWINCH = 28

IGNORED_BY_DEFAULT = frozenset({SIGCHLD, SIGCONT, SIGURG, SIGWINCH})
"""Signals that a process without a handler ignores."""


class SystemCallError(Exception):
    """A failed system call; the guest gets -`number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
