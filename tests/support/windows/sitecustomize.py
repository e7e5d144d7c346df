"""Takes from Python on Unix what Python on Windows does not have; found through PYTHONPATH before anything else.

By the documentation of the standard library, "Availability: Unix". What the interpreter itself needs to run here, such
as `os.name`, stays, and so does `os.uname`, by which numpy knows the kernel: this shows what is missing, not what
differs.
"""

import io
import os
import select
import signal
import stat
import sys
from typing import Any

SIGNALS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN")
"""What `signal` has there (and SIGBREAK)."""
SIGNAL_FUNCTIONS = (
    "alarm", "getitimer", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt", "sigpending",
    "sigtimedwait", "sigwait", "sigwaitinfo", "SIG_BLOCK", "SIG_SETMASK", "SIG_UNBLOCK",
)  # fmt: skip
MODULES = (
    "crypt", "curses", "_curses", "fcntl", "grp", "nis", "ossaudiodev", "pty", "pwd", "readline", "resource", "spwd",
    "syslog", "termios", "tty",
)  # fmt: skip
OS_NAMES = (
    "chown", "chroot", "confstr", "fchmod", "fchown", "fdatasync", "fork", "forkpty", "getegid", "geteuid", "getgid",
    "getgroups", "getpgid", "getpgrp", "getpriority", "getresuid", "getsid", "getuid", "initgroups", "killpg", "lchown",
    "lockf", "mkfifo", "mknod", "nice", "openpty", "pathconf", "pipe2", "posix_fadvise", "posix_spawn", "pread",
    "preadv", "pwrite", "pwritev", "readv", "register_at_fork", "sched_getaffinity", "sched_setaffinity", "sendfile",
    "setegid", "seteuid", "setgid", "setpgid", "setsid", "setuid", "statvfs", "sync", "sysconf", "tcgetpgrp",
    "tcsetpgrp", "ttyname", "wait", "wait3", "wait4", "writev",
    "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NDELAY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC",
)  # fmt: skip
SETS_BLOCKING_SINCE = (3, 12)

for name in [name for name in dir(signal) if name.startswith("SIG") and name not in SIGNALS]:
    delattr(signal, name)
for name in SIGNAL_FUNCTIONS:
    if hasattr(signal, name):
        delattr(signal, name)
for name in MODULES:
    sys.modules[name] = None  # type: ignore[assignment]
for name in OS_NAMES:
    if hasattr(os, name):
        delattr(os, name)
for name in ("poll", "epoll", "kqueue"):
    if hasattr(select, name):
        delattr(select, name)

_set_blocking, _select = os.set_blocking, select.select
if sys.version_info < SETS_BLOCKING_SINCE:
    del os.set_blocking, os.get_blocking
else:

    def _set_blocking_of_pipes(descriptor: int, blocking: bool) -> None:
        """ "On Windows, this function is limited to pipes." """
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        _set_blocking(descriptor, blocking)

    os.set_blocking = _set_blocking_of_pipes


def _select_sockets(*arguments: Any) -> Any:
    """ "File objects on Windows are not acceptable, but sockets are." """
    for item in [item for waited in arguments[:3] for item in waited]:
        try:
            descriptor = item if isinstance(item, int) else item.fileno()
        except io.UnsupportedOperation as error:
            raise ValueError(str(error)) from None
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise OSError(10038, "An operation was attempted on something that is not a socket")
    return _select(*arguments)


select.select = _select_sockets


def _is_open(path: Any) -> bool:
    """Whether this process has a file open."""
    try:
        wanted = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    for number in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(number))
        except OSError:
            continue  # the one that listed them
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def _refused_when_open(name: str) -> None:
    """ "On Windows, attempting to remove a file that is in use causes an exception to be raised"; so does renaming."""
    original = getattr(os, name)

    def changed(path: Any, *others: Any, **options: Any) -> None:
        for one in (path, *others):
            if options.get("dir_fd") is None and _is_open(one):
                raise PermissionError(13, "The process cannot access the file because it is being used", one)
        original(path, *others, **options)

    setattr(os, name, changed)


for name in ("remove", "rename", "replace", "unlink"):
    _refused_when_open(name)
