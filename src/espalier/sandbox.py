"""A sandbox: where code that a model wrote is run against tests, and nothing else can happen.

The program and its tests run in two sandboxes joined by a pipe.  The program answers calls with
data; asserts, expected values and the verdict lie with the tests, where no program can reach them:
exiting early, patching `assert`, objects that equal everything and forged output all fail.  Each
process has limits on CPU time (not wall time, so that a loaded machine changes no score), memory,
file size and output; what sleeps for ever meets a far wall-clock limit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from espalier.shelf import Shelf

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


CLEAN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
"""The whole environment."""


class Sandbox(Protocol):
    """A way to run `python -c TEXT` apart from the machine."""

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
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        yield from pool.map(partial(_judge, sandbox, limits), jobs)


def _judge(sandbox: Sandbox, limits: Limits, job: Job) -> Verdict:
    if len(job.program) > LONGEST:
        return Verdict(passed=False, reason=f"more than {LONGEST:,} characters")
    try:
        job.program.encode()
    except UnicodeEncodeError:
        return Verdict(passed=False, reason="it is no text: a lone surrogate")
    with ExitStack() as opened:
        return _run(sandbox, limits, job, opened)


def _run(sandbox: Sandbox, limits: Limits, job: Job, opened: ExitStack) -> Verdict:
    """Join the two processes by pipes, give each its job, and wait for the checker's word."""
    bound = {
        "cpu": limits.cpu_seconds,
        "memory": limits.memory_mb * 2**20,
        "file": limits.file_mb * 2**20,
    }
    told, heard = _pipe(opened), _pipe(opened)  # program -> checker, checker -> program
    started = partial(_start, sandbox, limits, opened)
    checker = started("_checker", stdin=told[0], stdout=heard[1], stderr=subprocess.PIPE)
    program = started("_candidate", stdin=heard[0], stdout=told[1], stderr=subprocess.DEVNULL)
    for end in (told[0], heard[0]):
        os.close(end)
    # the tests may take their time: they wait for a program that may use all of its own
    tests = {"names": job.names, "setup": job.setup, "tests": job.tests}
    _write(told[1], tests | {"limits": bound | {"cpu": 10 * limits.cpu_seconds}})
    _write(heard[1], {"source": job.program, "limits": bound})
    for end in (told[1], heard[1]):
        os.close(end)
    try:
        _, said = checker.communicate(timeout=limits.wall_seconds)
    except subprocess.TimeoutExpired:
        return Verdict(passed=False, reason=f"no end within {limits.wall_seconds:g} s")
    try:
        verdict = json.loads(said)
    except ValueError:
        return Verdict(passed=False, reason="its tests did not end" + _ended(checker, limits))
    reason = str(verdict["reason"])
    if verdict.get("gone"):
        with suppress(subprocess.TimeoutExpired):
            program.wait(1)
        reason += _ended(program, limits)
    return Verdict(passed=bool(verdict["passed"]), reason=reason)


def _start(
    sandbox: Sandbox, limits: Limits, opened: ExitStack, part: str, **streams: int
) -> subprocess.Popen[bytes]:
    start = sandbox.start(_text(part), limits)
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603
            start.command,
            pass_fds=start.descriptors,
            start_new_session=True,
            env=dict(CLEAN),
            **streams,  # type: ignore[call-overload]
        )
    finally:
        for number in start.descriptors:
            os.close(number)
    opened.callback(_end, sandbox, process, start)
    return process


def _end(sandbox: Sandbox, process: subprocess.Popen[bytes], start: Start) -> None:
    """End whatever is still going, and take leave of it."""
    if process.poll() is None:
        sandbox.stop(process, start)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    if process.stderr is not None:
        process.stderr.close()


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


def _ended(process: subprocess.Popen[bytes], limits: Limits) -> str:
    """Say how a process ended, as far as its exit status tells."""
    code = process.poll()
    if code is None:
        return ""
    number = code - 128 if code > 128 else -code  # a sandbox tells of a signal as a shell does
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return f" (more than {limits.cpu_seconds} s of CPU time, or killed)"
    if number == signal.SIGSEGV:
        return " (it crashed: segmentation fault)"
    with suppress(ValueError):
        if number > 0:
            return f" ({signal.Signals(number).name})"
    return f" (exit status {code})"


@cache
def _text(part: str) -> str:
    """Return the text of what runs inside: the wire's, then the part's own.

    What only types need is left out, since every program waits for what is imported.
    """
    folder = Path(__file__).parent / "sandboxes"
    lines = [
        line
        for name in ("_wire", part)
        for line in (folder / f"{name}.py").read_text(encoding="utf-8").splitlines()
        if not line.startswith(("from espalier.", "from typing ", "from collections.abc "))
    ]
    return "\n".join(["from __future__ import annotations", *lines]) + "\n"
