"""Inside a sandbox: make a fresh process for every job that is handed in.

A start of Python costs more than most programs do, so it is paid once.  Each job's process is a
copy of this one, which never saw a job, and is sealed before it reads its own: it can start and
signal no other.  A job that writes into the folder is the last of its sandbox.
"""

import array
import ctypes
import gc
import os
import signal
import socket
import time
from collections.abc import Callable

NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
"""Of prctl(2)."""
COMMON = (
    "typing",
    "re",
    "math",
    "collections",
    "itertools",
    "functools",
    "heapq",
    "string",
    "resource",
)
"""Imported once, since most programs would import them again."""
GRACE = (0.0, 0.0005, 0.002, 0.01, 0.05, 0.2)
"""Seconds between the questions whether a job's process has ended."""


def keep(main: Callable[[], None], rules: bytes) -> None:
    """Serve jobs until the other side of standard input, a socket, is closed.

    A message brings three descriptors, a job's standard streams; the next one says that its time
    is over, and is answered: its exit status, whether it had ended by itself, and whether it left
    the folder untouched.
    """
    control = socket.socket(fileno=os.dup(0))
    prctl = ctypes.CDLL(None).prctl
    for name in COMMON:
        __import__(name)
    gc.freeze()
    folder = os.open(".", os.O_RDONLY)
    untouched = os.fstat(folder).st_ctime_ns
    clean = True
    while clean:
        streams = _received(control)
        if not streams:
            return
        child = os.fork()
        if not child:
            control.detach()
            _work(main, streams, prctl, rules)
        for one in streams:
            os.close(one)
        control.recv(16)
        ended, status = _ended(child)
        if not ended:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        clean = os.fstat(folder).st_ctime_ns == untouched
        control.send(b"%d %d %d" % (os.waitstatus_to_exitcode(status), bool(ended), clean))


def _ended(child: int) -> tuple[int, int]:
    """Return what waitpid(2) tells of a process that should have ended; 0, 0 if it has not.

    A process that crashes closes its streams, and so ends its job, a moment before it can be asked
    how it ended.
    """
    for pause in GRACE:
        time.sleep(pause)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return ended, status
    return 0, 0


def _received(control: socket.socket) -> list[int]:
    """Return the descriptors of the next message; none where the other side is gone."""
    room = socket.CMSG_SPACE(3 * array.array("i").itemsize)
    _, sent, _, _ = control.recvmsg(16, room)
    given = array.array("i")
    for _, _, data in sent:
        given.frombytes(data[: len(data) - len(data) % given.itemsize])
    return list(given)


def _work(
    main: Callable[[], None], streams: list[int], prctl: Callable[..., int], rules: bytes
) -> None:
    """Be the job's process, bound for good to the rules about system calls, and end."""
    try:
        for number, one in enumerate(streams):
            os.dup2(one, number)
        os.closerange(3, 4096)
        text = ctypes.create_string_buffer(rules, len(rules))
        program = (ctypes.c_uint64 * 2)(len(rules) // 8, ctypes.addressof(text))
        if not prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) and not prctl(SECCOMP, FILTER, program, 0, 0):
            main()
    finally:
        os._exit(1)
