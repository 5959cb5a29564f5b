"""Ask an endpoint that speaks OpenAI's protocol: several requests at once, each patiently.

What is wrong with one request (too long, refused by a filter) leaves it unanswered.  What is wrong
with the endpoint (busy, broken, silent, talking rubbish) is tried again with growing waits, and
ends the whole asking once it lasts.  Then everything answered so far is in the cache.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from espalier.errors import JudgeError, MissingError
from espalier.judging.answers import (
    Answers,
    Judgment,
    LimitReachedError,
    Purse,
    Request,
    body,
    tokens,
)
from espalier.judging.options import ENDPOINT, KEY, Judge, Means, address, endpoint, hidden

if TYPE_CHECKING:
    from openai import OpenAI

GIVE_UP = 3
"""Requests in a row whose retries were all in vain: then the endpoint is taken for dead."""

HOPELESS = 16
"""Requests refused before any was answered: then it is not they that are wrong."""

LONGEST = 2**24
"""Bytes of an answer beyond which it is rubbish."""

SHOWN = 160
"""Characters of an endpoint's complaint that are passed on."""


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """A request without an answer, and why."""

    reason: str
    refused: bool = False
    """The endpoint works, and will not answer this one."""


def ask(judge: Judge, means: Means, requests: Sequence[Request]) -> Iterator[Judgment | Unanswered]:
    """Yield the answer to each request, in order; what is kept is not asked again.

    Raises `JudgeError` in place of the last one where more stayed unanswered than `judge.may_fail`,
    or where a limit was reached; `MissingError` before anything is asked where something is not
    there.
    """
    answers = Answers(judge, means)
    found = [answers.find(request) for request in requests]
    if all(found):
        yield from (judgment for judgment in found if judgment)
        return
    answers.check()
    given: list[Judgment | Unanswered] = []
    with _client(means) as client, ThreadPoolExecutor(means.concurrency) as pool:
        line = _Line(client, answers, means)
        try:
            futures = [
                kept or pool.submit(line.answer, request)
                for kept, request in zip(found, requests, strict=True)
            ]
            for future in futures:
                given.append(future.result() if isinstance(future, Future) else future)
                if len(given) < len(requests):
                    yield given[-1]
        finally:
            line.stop()
            pool.shutdown(cancel_futures=True)
    if why := _verdict(given, judge, line.over):
        kept = sum(isinstance(one, Judgment) for one in given)
        raise JudgeError(
            f"judge {judge.model} at {address(means)}: {why}; {kept} of {len(requests)} judgments "
            "are kept, and the same command goes on from there"
        )
    yield given[-1]


def _verdict(given: Sequence[Judgment | Unanswered], judge: Judge, over: str | None) -> str | None:
    """Return why what was given is not enough, if it is not."""
    missing = [one for one in given if isinstance(one, Unanswered)]
    failed = [one for one in missing if not one.refused]
    if over and failed:
        return over
    if len(failed) > judge.may_fail:
        return f"{len(failed)} of {len(given)} requests stay unanswered ({failed[0].reason})"
    if missing and len(missing) == len(given):
        return missing[0].reason
    return None


class _Line:
    """One endpoint as all threads use it."""

    def __init__(self, client: OpenAI, answers: Answers, means: Means) -> None:
        self.client, self.answers, self.means = client, answers, means
        self.purse = Purse(answers, means)
        self.over: str | None = None
        """Why nothing more is asked."""
        self._stopped = Event()
        self._changing = Lock()
        self._failures = 0
        self._refusals: int | None = 0
        """None once there was an answer."""
        self._not_before = 0.0

    def stop(self, why: str | None = None) -> None:
        """Ask nothing more; the first reason is kept."""
        with self._changing:
            self.over = self.over or why
        self._stopped.set()

    def answer(self, request: Request) -> Judgment | Unanswered:
        """Return the kept answer or get one, alone among all who share the cache."""
        with self.answers.alone(request, self._stopped.is_set) as mine:
            if kept := self.answers.find(request):
                return kept
            if not mine or self._stopped.is_set():
                return Unanswered(reason=self.over or "nothing more was asked")
            return self._ask(request)

    def _ask(self, request: Request) -> Judgment | Unanswered:
        """Ask until there is an answer, a refusal, or no patience left."""
        why = ""
        for attempt in range(self.means.retries + 1):
            self._pause()
            if self._stopped.is_set():
                return Unanswered(reason=self.over or why or "nothing more was asked")
            try:
                self.purse.take()
                judgment = self._once(request)
            except LimitReachedError as limit:
                self.stop(f"the limit {limit}; raise it to go on")
                return Unanswered(reason=str(limit))
            except _Refused as error:
                self._refused(str(error))
                return Unanswered(reason=str(error), refused=True)
            except _Closed as error:
                self.stop(str(error))
                return Unanswered(reason=str(error))
            except _Again as error:
                why = str(error)
                self._wait(attempt, error.after)
                continue
            self.answers.keep(request, judgment)
            self.purse.pay(judgment)
            self._worked()
            return judgment
        return self._gave_up(why)

    def _worked(self) -> None:
        with self._changing:
            self._failures, self._refusals = 0, None

    def _refused(self, why: str) -> None:
        with self._changing:
            self._failures = 0
            if self._refusals is not None:
                self._refusals += 1
            hopeless = self._refusals == HOPELESS
        if hopeless:
            self.stop(why)

    def _gave_up(self, why: str) -> Unanswered:
        with self._changing:
            self._failures += 1
            dead = self._failures >= GIVE_UP
        if dead:
            self.stop(f"{why}, {self.means.retries + 1} times in each of {GIVE_UP} requests")
        return Unanswered(reason=why)

    def _pause(self) -> None:
        """Wait as long as the endpoint has asked everybody to."""
        while not self._stopped.is_set() and (left := self._not_before - time.monotonic()) > 0:
            self._stopped.wait(left)

    def _wait(self, attempt: int, after: float | None) -> None:
        """Wait before another attempt: as long as the endpoint says, else longer every time."""
        if attempt == self.means.retries:
            return
        if after is not None:
            if after > self.means.longest_wait:
                self.stop(f"asks to wait {after:.0f} s, longer than `longest_wait`")
                return
            with self._changing:
                self._not_before = max(self._not_before, time.monotonic() + after)
            return
        wait = min(self.means.wait * 2**attempt, self.means.longest_wait)
        self._stopped.wait(wait * random.uniform(0.75, 1.0))  # noqa: S311  not all at one moment

    def _once(self, request: Request) -> Judgment:
        """Send a request and read its answer, or say what became of it."""
        from httpx2 import HTTPError
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

        start = time.time()
        try:
            said = self._read(request)
        except APITimeoutError:
            raise _Again(f"no answer within {self.means.timeout:g} s") from None
        except APIConnectionError as error:
            raise _Again(_shown(error.__cause__ or error, "no connection")) from None
        except APIStatusError as error:
            raise _by_status(error) from None
        except (HTTPError, OpenAIError) as error:
            raise _Again(_shown(error, "the answer broke off")) from None
        return _judgment(said, request, start)

    def _read(self, request: Request) -> bytes:
        """Return the bytes of an answer: no more than `LONGEST`, and all within the timeout."""
        end = time.monotonic() + self.means.timeout
        fields = body(self.answers.judge, request)
        sent = self.client.chat.completions.with_streaming_response.create(
            model=fields["model"],
            messages=fields["messages"],
            extra_body={n: v for n, v in fields.items() if n not in ("model", "messages")},
        )
        found = bytearray()
        with sent as response:
            for part in response.iter_bytes():
                found += part
                if len(found) > LONGEST:
                    raise _Again("the answer has no end")
                if time.monotonic() > end:
                    raise _Again(f"no whole answer within {self.means.timeout:g} s")
        return bytes(found)


class _Again(Exception):  # noqa: N818  these three are outcomes
    """It may work if asked again."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class _Refused(Exception):  # noqa: N818
    """The endpoint will not answer this request."""


class _Closed(Exception):  # noqa: N818
    """The endpoint will answer no request at all."""


def _by_status(error: Any) -> Exception:
    """Return what an HTTP status means for this request and the next ones."""
    status = int(error.status_code)
    why = _shown(_complaint(error), f"HTTP {status}")
    if status in (408, 409, 429) or status >= 500:
        return _Again(why, _after(error.response.headers))
    return _Refused(why) if status in (400, 413, 422) else _Closed(why)


def _complaint(error: Any) -> str:
    """Return what the endpoint itself says of an error, in OpenAI's words, FastAPI's or its own."""
    match error.body:
        case {"message": str(said)} | {"error": {"message": str(said)}} | {"detail": str(said)}:
            return said
        case str(said):
            return said
    try:
        return str(error.response.text)
    except RuntimeError:  # its body was never read
        return str(error)


def _after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, given as a number or as a date."""
    text = headers.get("retry-after", "")
    try:
        wait = float(text)
    except ValueError:
        try:
            wait = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return wait if 0 <= wait < float("inf") else None


def _judgment(said: bytes, request: Request, start: float) -> Judgment:
    """Read an answer strictly: rubbish is no judgment."""
    try:
        whole = json.loads(said)
        choice = whole["choices"][0]
        text = choice["message"]["content"]
        usage = whole.get("usage") or {}
        if not isinstance(text, str | None) or not isinstance(usage, Mapping):
            raise TypeError
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise _Again(f"no answer of the protocol: {_cut(said.decode(errors='replace'))}") from None
    asked = sum(tokens(message["content"]) for message in request.messages)
    return Judgment(
        text=text or "",
        finish=_text(choice.get("finish_reason")),
        served_by=_text(whole.get("model")),
        input_tokens=_count(usage.get("prompt_tokens"), asked),
        output_tokens=_count(usage.get("completion_tokens"), tokens(text or "")),
        asked=round(start, 3),
    )


def _count(value: Any, estimate: int) -> int:
    """Return a number of tokens as the endpoint counts them, or else an estimate."""
    return value if type(value) is int and value >= 0 else estimate


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _shown(error: object, what: str) -> str:
    said = getattr(error, "message", None) or str(error)
    return f"{what}: {_cut(str(said))}" if said else what


def _cut(text: str) -> str:
    plain = hidden(text)
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."


def _client(means: Means) -> OpenAI:
    """Open a client, or say what is missing."""
    try:
        from openai import OpenAI
    except ImportError:
        raise MissingError(
            "a judge is asked by the client `openai`; pip install 'espalier[judge]'"
        ) from None
    key, own = os.environ.get(KEY), means.endpoint or os.environ.get(ENDPOINT)
    if not key and not own:
        raise MissingError(
            f"no judge can be asked: set {KEY}, or name an endpoint of your own by the judge's "
            f"`endpoint` or by {ENDPOINT}"
        )
    return OpenAI(
        api_key=key or "none",  # what a server of one's own is given, and does not look at
        base_url=endpoint(means),
        timeout=means.timeout,
        max_retries=0,  # ours are counted, and cover rubbish too
    )
