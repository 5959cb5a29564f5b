"""Mathematical equivalence by `math-verify`, in a process of its own that can always be stopped.

The library stops itself by signals, which works in a main thread only and not while a large power
is worked out in C.  So it runs in a helper process, which any thread of any worker may start.  Each
comparison has a budget of CPU seconds (not of time on the clock: a loaded machine must not change
a score); the kernel ends the helper where it is spent, and the next comparison gets a new one.

    python -m espalier.scorers._equivalence: a line [gold, reply, seconds] in, a line out
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import IO, Any, Self

from espalier.errors import MissingError

MEMORY = 2 << 30
"""Bytes of address space that the helper may use."""

PATIENCE = 60
"""Times the CPU budget on the clock after which a helper that uses no CPU is given up."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one comparison."""

    equal: bool | None
    """None where the grader failed."""
    extracted: str | None = None
    """What was read out of the reply."""
    reason: str | None = None


class Equivalence:
    """Compares replies with gold answers; use it as a context, which ends the helper."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self._helper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if find_spec("math_verify") is None:
            raise MissingError(
                "scorer math: math-verify is not installed; pip install 'espalier[math]'"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def compare(self, gold: Sequence[str], reply: Sequence[str]) -> Verdict:
        """Say whether the answers in `reply` are those in `gold`, one by one and in their order.

        Gold answers are LaTeX or numbers without delimiters; replies are texts in which the library
        looks for an answer.
        """
        helper = self._running()
        sent, received = helper.stdin, helper.stdout
        if sent is None or received is None:
            raise RuntimeError("the helper was started without pipes")
        try:
            sent.write(json.dumps([list(gold), list(reply), self.seconds]) + "\n")
            sent.flush()
            line = self._line(received)
        except BrokenPipeError:
            line = ""
        if not line:
            return Verdict(equal=None, reason=self._why_ended())
        return Verdict(**json.loads(line))

    def _line(self, received: IO[str]) -> str:
        ready, _, _ = select.select([received], [], [], self.seconds * PATIENCE)
        return received.readline() if ready else ""

    def _running(self) -> subprocess.Popen[str]:
        if self._helper is None or self._helper.poll() is not None:
            self._end()
            self._helper = subprocess.Popen(  # noqa: S603  (our own module, no shell)
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env=os.environ | {"PYTHONHASHSEED": "0"},
            )
        return self._helper

    def _why_ended(self) -> str:
        """End the helper, and say what has stopped it before."""
        helper, spent = self._helper, f"not compared within {self.seconds:g} CPU seconds"
        try:
            code = helper.wait(timeout=1) if helper else None
        except subprocess.TimeoutExpired:
            code = None
        self._end()
        return spent if code in (None, -signal.SIGPROF) else f"math-verify ended with status {code}"

    def _end(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            helper.communicate()


def _serve() -> None:
    """Answer line by line until the other end closes."""
    from math_verify import parse

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    parse("$1$", parsing_timeout=None)  # what is loaded at first use is not the first reply's cost
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, in C code too
    for line in sys.stdin:
        gold, reply, seconds = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            verdict = _compare(gold, reply)
        except (Exception, MemoryError) as error:  # the library's own failures are many
            verdict = {"equal": None, "reason": f"math-verify failed ({type(error).__name__})"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(verdict) + "\n")
        sys.stdout.flush()


def _compare(gold: Sequence[str], reply: Sequence[str]) -> dict[str, Any]:
    from math_verify import parse, verify

    wanted = [parse(f"${answer}$", parsing_timeout=None) for answer in gold]
    if not all(_read(found) for found in wanted):
        return {"equal": False, "reason": "not as the target, which can only be compared as text"}
    given = [parse(text, parsing_timeout=None) for text in reply]
    shown = "; ".join(str(found[-1]) for found in given if found) or None
    if not all(given) or len(given) != len(wanted):
        return {"equal": False, "extracted": shown, "reason": "the reply has no answer to read"}
    equal = all(
        verify(one, other, timeout_seconds=None) for one, other in zip(wanted, given, strict=True)
    )
    return {"equal": equal, "extracted": shown}


def _read(parsed: Sequence[Any]) -> bool:
    """Say whether something was understood, rather than kept as the text it is."""
    return any(not isinstance(found, str) for found in parsed)


if __name__ == "__main__":
    _serve()
