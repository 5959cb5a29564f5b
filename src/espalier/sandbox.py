"""A sandbox: where code that a model wrote is run against tests, and nothing else can happen.

The program and its tests run in two sandboxes joined by a pipe.  The program answers calls with
data; asserts, expected values and the verdict lie with the tests, where no program can reach them:
exiting early, patching `assert`, objects that equal everything and forged output all fail.  Each
process has limits on CPU time (not wall time, so that a loaded machine changes no score), memory,
file size and output; what sleeps for ever meets a far wall-clock limit.

Starting a sandbox and Python costs more than most programs do.  So a sandbox that descriptors can
be handed into is started once and makes a fresh process for each program (`sandboxes/_keeper.py`).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from espalier.shelf import Shelf

MOST_SAID = 2**16
"""The most bytes of a verdict."""
LONGEST = 2**20
"""The most characters of a program; no answer to a problem is near it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a program may use."""

    cpu_seconds: int = 10
    memory_mb: int = 512
    file_mb: int = 8
    """Of one file, and of all files together in the sandbox's own folder."""
    wall_seconds: float = 120.0
    """Only ever met by what sleeps or waits."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A program and the tests it has to pass."""

    program: str
    tests: str
    """Python that raises where the program is wrong."""
    names: tuple[str, ...] = ()
    """What the tests see of the program."""
    setup: str = ""
    """Python that the tests need and that is not the program's, run before them."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a job."""

    passed: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What to start, and the descriptors it is to inherit; they are closed once it is started."""

    command: Sequence[str]
    descriptors: tuple[int, ...] = ()
    name: str = ""
    """Under which it can be stopped from outside, where that is not its process."""


CLEAN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}
"""The whole environment."""


class Sandbox(Protocol):
    """A way to run `python -c TEXT` apart from the machine."""

    shared: bool
    """Whether descriptors can be handed into it, so that one start serves many programs."""

    def check(self) -> None:
        """Raise `MissingError` with what to install where it cannot work here."""

    def start(self, text: str, limits: Limits) -> Start:
        """Return how to start Python on `text`."""

    def stop(self, process: subprocess.Popen[bytes], start: Start) -> None:
        """End what was started, with all its descendants."""


sandboxes: Shelf[Sandbox] = Shelf("espalier.sandboxes")
"""`sandboxes["bubblewrap"]` is the sandbox itself."""


def judge(
    sandbox: Sandbox, jobs: Iterable[Job], *, limits: Limits = Limits(), workers: int | None = None
) -> Iterator[Verdict]:
    """Yield the verdict of every job, in their order; several are run at once.

    Raises `MissingError` where the sandbox cannot work on this machine.
    """
    sandbox.check()
    own = threading.local()  # a sandbox dies with the thread that started it, so each has its own
    with ExitStack() as opened, ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        make = partial(_pair, sandbox, limits, opened)

        def one(job: Job) -> Verdict:
            if not hasattr(own, "pair"):
                own.pair = make()
            return _judge(own.pair, limits, job)

        yield from pool.map(one, jobs)


def _pair(sandbox: Sandbox, limits: Limits, opened: ExitStack) -> tuple[_Room, _Room]:
    """Return a sandbox for the tests and one for the program, ended with `opened`."""
    kind = _Shared if sandbox.shared else _Single
    pair = kind(sandbox, "_checker", limits), kind(sandbox, "_candidate", limits)
    for room in pair:
        opened.callback(room.close)
    return pair


def _judge(pair: tuple[_Room, _Room], limits: Limits, job: Job) -> Verdict:
    if len(job.program) > LONGEST:
        return Verdict(passed=False, reason=f"more than {LONGEST:,} characters")
    try:
        job.program.encode()
    except UnicodeEncodeError:
        return Verdict(passed=False, reason="it is no text: a lone surrogate")
    with ExitStack() as opened:
        return _run(pair, limits, job, opened)


def _run(pair: tuple[_Room, _Room], limits: Limits, job: Job, opened: ExitStack) -> Verdict:
    """Join two processes by pipes, give each its job, and wait for the checker's word."""
    bound = {
        "cpu": limits.cpu_seconds,
        "memory": limits.memory_mb * 2**20,
        "file": limits.file_mb * 2**20,
    }
    checker, program = pair
    told, heard, said = _pipe(opened), _pipe(opened), _pipe(opened)
    nowhere = os.open(os.devnull, os.O_RDWR)
    checker.enter(told[0], heard[1], said[1])
    program.enter(heard[0], told[1], nowhere)
    for end in (told[0], heard[0], said[1], nowhere):
        os.close(end)
    # the tests may take their time: they wait for a program that may use all of its own
    tests = {"names": job.names, "setup": job.setup, "tests": job.tests}
    _write(told[1], tests | {"limits": bound | {"cpu": 10 * limits.cpu_seconds}})
    _write(heard[1], {"source": job.program, "names": job.names, "limits": bound})
    for end in (told[1], heard[1]):
        os.close(end)
    word = _read(said[0], limits.wall_seconds)
    tests_ended, program_ended = checker.leave(), program.leave()
    if word is None:
        return Verdict(passed=False, reason=f"no end within {limits.wall_seconds:g} s")
    try:
        verdict = json.loads(word)
    except ValueError:
        return Verdict(passed=False, reason="its tests did not end" + _ended(tests_ended, limits))
    reason = _printable(str(verdict["reason"]))
    if verdict.get("gone"):
        reason += _ended(program_ended, limits)
    return Verdict(passed=bool(verdict["passed"]), reason=reason)


class _Single:
    """A sandbox that is started anew for each job."""

    def __init__(self, sandbox: Sandbox, part: str, limits: Limits) -> None:
        self._sandbox, self._limits, self._text = sandbox, limits, _text(part) + "main()\n"
        self._start: Start | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def enter(self, *streams: int) -> None:
        """Begin a job with these descriptors as standard input, output and error."""
        self._start = self._sandbox.start(self._text, self._limits)
        self._process = _started(self._start, streams)

    def leave(self) -> int | None:
        """End the job; return its exit status, negative for a signal, None if it was going on."""
        if self._process is None or self._start is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        ended = self._process.poll()
        if ended is None:
            self._sandbox.stop(self._process, self._start)
        self._process.wait(10)
        # a sandbox tells of a signal as a shell does
        return 128 - ended if ended is not None and ended > 128 else ended

    def close(self) -> None:
        """Nothing is kept between jobs."""


class _Shared:
    """A sandbox that is started once, and makes a fresh process for each job handed in."""

    def __init__(self, sandbox: Sandbox, part: str, limits: Limits) -> None:
        self._sandbox, self._limits = sandbox, limits
        self._text = _text(part, "_rules", "_keeper") + "keep(main, seal())\n"
        self._start: Start | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def enter(self, *streams: int) -> None:
        """Begin a job with these descriptors as standard input, output and error."""
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._start = self._sandbox.start(self._text, self._limits)
            with theirs:
                nowhere = subprocess.DEVNULL
                self._process = _started(self._start, (theirs.fileno(), nowhere, nowhere))
            self._control.settimeout(60)
        with suppress(OSError):
            socket.send_fds(self._control, [b"job"], list(streams))

    def leave(self) -> int | None:
        """End the job; return its exit status, negative for a signal, None if it was going on."""
        if self._control is None:
            return None
        try:
            self._control.send(b"end")
            status, own, clean = map(int, self._control.recv(64).split())
        except (OSError, ValueError):  # the sandbox itself has ended
            self.close()
            return None
        if not clean:
            self.close()
        return status if own else None

    def close(self) -> None:
        """End the sandbox with all that is in it."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None and self._start is not None:
            self._sandbox.stop(self._process, self._start)
            self._process.wait(10)
            self._process = None


_Room = _Single | _Shared


def _started(start: Start, streams: Sequence[int]) -> subprocess.Popen[bytes]:
    stdin, stdout, stderr = streams
    try:
        return subprocess.Popen(  # noqa: S603
            start.command,
            pass_fds=start.descriptors,
            start_new_session=True,
            env=dict(CLEAN),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
    finally:
        for number in start.descriptors:
            os.close(number)


def _read(number: int, seconds: float) -> bytes | None:
    """Return what is written until the other end is closed, or None where that takes too long."""
    until, said = time.monotonic() + seconds, b""
    while len(said) < MOST_SAID:
        left = until - time.monotonic()
        if left <= 0 or not select.select([number], [], [], left)[0]:
            return None
        part = os.read(number, 2**16)
        if not part or part.endswith(b"\n"):
            return said + part
        said += part
    return said


def _printable(text: str) -> str:
    """Return text that any terminal, file and table can take."""
    return "".join(c if c.isprintable() else " " for c in text)


def _pipe(opened: ExitStack) -> tuple[int, int]:
    """Return the two ends of a pipe, closed at the latest with `opened`."""
    ends = os.pipe()
    for end in ends:
        opened.callback(_close, end, os.fstat(end).st_ino)
    return ends


def _close(number: int, inode: int) -> None:
    """Close a descriptor, unless it was closed and its number now names something else."""
    with suppress(OSError):
        if os.fstat(number).st_ino == inode:
            os.close(number)


def _write(number: int, message: Any) -> None:
    """Write one message; who is gone already will be found out by its silence."""
    left = memoryview(json.dumps(message).encode() + b"\n")
    with suppress(BrokenPipeError):
        while left:
            left = left[os.write(number, left) :]


def _ended(status: int | None, limits: Limits) -> str:
    """Say how a process ended, as far as its exit status tells."""
    if status is None:
        return ""
    if -status in (signal.SIGXCPU, signal.SIGKILL):
        return f" (more than {limits.cpu_seconds} s of CPU time, or killed)"
    if -status == signal.SIGSEGV:
        return " (it crashed: segmentation fault)"
    with suppress(ValueError):
        if status < 0:
            return f" ({signal.Signals(-status).name})"
    return f" (exit status {status})"


@cache
def _text(*parts: str) -> str:
    """Return the text of what runs inside: the wire's, then the parts' own.

    What only types need is left out, since every start waits for what is imported.
    """
    folder = Path(__file__).parent / "sandboxes"
    lines = [
        line
        for name in ("_wire", *parts)
        for line in (folder / f"{name}.py").read_text(encoding="utf-8").splitlines()
        if not line.startswith(("from espalier.", "from typing ", "from collections.abc "))
    ]
    return "\n".join(["from __future__ import annotations", *lines]) + "\n"
