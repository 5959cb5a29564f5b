"""What judges have answered and what it has cost: kept on disk, asked for once by everybody.

    CACHE/judge/MODEL-0f3a.../answers/ab/ab12....json    one judgment, whole or absent
    CACHE/judge/MODEL-0f3a.../answers/ab/ab12....lock    held while it is being asked
    CACHE/judge/MODEL-0f3a.../spent.jsonl                one line a request sent, one an answer paid

A lock is freed by the system when its holder dies.  Its file is taken away only once the answer is
there, so that whoever still waits for it finds the answer instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout

from espalier.ability import Message
from espalier.errors import MissingError
from espalier.files import cache_folder, write_whole
from espalier.judging.options import Judge, Means

BYTES_PER_TOKEN = 3
"""Where an endpoint does not say how many tokens it used; on the safe side for English."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a judge is asked, and for which time."""

    messages: tuple[Message, ...]
    repeat: int = 0


@dataclass(frozen=True, kw_only=True)
class Judgment:
    """What a judge answered."""

    text: str
    finish: str | None = None
    """Why it ended: `stop`, or `length` where it ran into `max_tokens`."""
    served_by: str | None = None
    """The model as the endpoint itself calls it."""
    input_tokens: int = 0
    output_tokens: int = 0
    asked: float = 0.0
    """When, in seconds since 1970."""


class LimitReachedError(Exception):
    """All that may be spent is spent."""


class Answers:
    """The answers of one judge in one cache folder.  Safe for many threads and processes."""

    def __init__(self, judge: Judge, means: Means) -> None:
        known = hashlib.sha256(f"{judge.model}\n{judge.version}".encode()).hexdigest()[:8]
        name = re.sub(r"[^\w.-]+", "-", judge.model).strip("-.")[:60]
        self.judge = judge
        self.folder = cache(means) / "judge" / f"{name}-{known}"

    def key(self, request: Request) -> str:
        """Hash everything that an answer depends on."""
        asked = {"version": self.judge.version, "repeat": request.repeat} | body(
            self.judge, request
        )
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def find(self, request: Request) -> Judgment | None:
        """Return what was answered; a damaged file is none."""
        try:
            kept = json.loads(self._file(self.key(request)).read_text(encoding="utf-8"))
            return Judgment(**kept["judgment"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, request: Request, judgment: Judgment) -> None:
        """Write an answer down, beside what was asked."""
        record = {
            "version": self.judge.version,
            "repeat": request.repeat,
            "request": body(self.judge, request),
            "judgment": asdict(judgment),
        }
        text = json.dumps(record, indent=1, ensure_ascii=False)
        write_whole(self._file(self.key(request)), text + "\n")

    @contextmanager
    def alone(self, request: Request, give_up: Callable[[], bool]) -> Iterator[bool]:
        """Hold a request, so that nobody else asks it; yield False where waiting was given up."""
        file = self._file(self.key(request)).with_suffix(".lock")
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        try:
            lock.acquire(cancel_check=give_up)
        except Timeout:
            yield False
            return
        try:
            yield True
            if self._file(self.key(request)).exists():
                file.unlink(missing_ok=True)
        finally:
            lock.release()

    def check(self) -> None:
        """Refuse, before anything is paid, a folder in which nothing can be kept."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe.{os.getpid()}"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise MissingError(
                f"{self.folder}: cannot be written: {error.strerror}; name another folder by the "
                "judge's `cache` or by ESPALIER_CACHE"
            ) from None

    def _file(self, key: str) -> Path:
        return self.folder / "answers" / key[:2] / f"{key}.json"


class Purse:
    """What one judge has cost so far, and what it may cost."""

    def __init__(self, answers: Answers, means: Means) -> None:
        self.file, self.means = answers.folder / "spent.jsonl", means
        self.requests, self.input, self.output = 0, 0, 0
        self._seen = 0
        self._mine = Lock()
        self._read()

    def take(self) -> None:
        """Enter one more request, or raise `LimitReachedError`."""
        with self._held():
            if why := self._spent():
                raise LimitReachedError(why)
            self._write({"requests": 1})

    def pay(self, judgment: Judgment) -> None:
        """Enter what an answer cost."""
        with self._held():
            self._write({"input": judgment.input_tokens, "output": judgment.output_tokens})

    @property
    def cost(self) -> float | None:
        """Return what the tokens cost at today's price."""
        price = self.means.price
        if price is None:
            return None
        return (self.input * price.input + self.output * price.output) / 1e6

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._mine, FileLock(self.file.with_suffix(".lock")):
            self._read()
            yield

    def _spent(self) -> str | None:
        """Say which limit is reached."""
        spent = {
            "most_requests": self.requests,
            "most_tokens": self.input + self.output,
            "most_cost": self.cost,
        }
        for name, so_far in spent.items():
            limit = getattr(self.means, name)
            if limit is not None and so_far is not None and so_far >= limit:
                shown = f"{so_far:.6g}" if isinstance(so_far, float) else str(so_far)
                return f"{name} {limit:g} is reached ({shown} spent into {self.file.parent})"
        return None

    def _read(self) -> None:
        """Add up the whole lines that have come since."""
        try:
            with self.file.open("rb") as stream:
                stream.seek(self._seen)
                fresh = stream.read()
        except OSError:
            return
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._seen += len(whole)
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                self.requests += int(entry.get("requests", 0))
                self.input += int(entry.get("input", 0))
                self.output += int(entry.get("output", 0))
            except (ValueError, AttributeError, TypeError):
                continue  # half a line, left by a power cut

    def _write(self, entry: dict[str, int]) -> None:
        """Append a line; one that a power cut has left half is closed first."""
        line = json.dumps(entry | {"at": round(time.time(), 3)}).encode() + b"\n"
        with self.file.open("ab") as stream:
            if stream.tell() > self._seen:
                line = b"\n" + line
            stream.write(line)
        self._read()


def body(judge: Judge, request: Request) -> dict[str, Any]:
    """Return the fields of the request as they are sent."""
    given = {"temperature": judge.temperature, "max_tokens": judge.max_tokens}
    return (
        {"model": judge.model, "messages": list(request.messages)}
        | {name: value for name, value in given.items() if value is not None}
        | judge.extra
    )


def tokens(text: str) -> int:
    """Return about how many tokens `text` is."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def cache(means: Means) -> Path:
    """Return the folder of what was answered."""
    return Path(means.cache).expanduser() if means.cache else cache_folder()
