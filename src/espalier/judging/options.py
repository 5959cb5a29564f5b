"""What a judge is, and by which means it is asked.

`Judge` is what its judgments depend on, and so a part of what a score is; `Means` (where it is
reached, how patiently, for how much) change no judgment.  A user writes both in one mapping:

    judge: {model: gpt-4.1, repeats: 3, endpoint: https://..., most_cost: 5, price: {...}}

A key is none of it.  Keys come from the environment alone and are written nowhere.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator

from espalier.ability import Use
from espalier.errors import SpecError, choices
from espalier.spec import Spec

NAME, ENDPOINT, KEY = "ESPALIER_JUDGE", "OPENAI_BASE_URL", "OPENAI_API_KEY"

Named = str | Mapping[str, Any] | None
"""How a user names a judge: its model alone, a mapping, or nothing (then ESPALIER_JUDGE)."""

_SECRET = re.compile(r"(?:.*_)?(?:key|apikey|secret|password|authorization|bearer)|(?:.*_)?token")
_KEY_LIKE = re.compile(r"\b(?:sk|pk|hf|gsk)[-_][\w-]{12,}|\bBearer\s+\S+", re.IGNORECASE)


class Judge(Spec):
    """Which model judges, and how it is asked."""

    model: str = Field(min_length=1)
    version: str = ""
    """The user's own word for a model that changes behind one name: asked anew under a new one."""
    repeats: int = Field(1, ge=1, le=100)
    """Judgments of each reply; the score is their mean."""
    temperature: float | None = Field(0.0, ge=0)
    """None leaves it to the endpoint, as some models demand."""
    max_tokens: int | None = Field(2048, ge=1)
    """The longest judgment; None leaves it to the endpoint."""
    extra: dict[str, Any] = Field({})
    """Further fields of the request: {reasoning_effort: low, max_completion_tokens: 4096}."""
    may_fail: int = Field(0, ge=0)
    """How many judgments may stay unanswered, their items unscored, before the grading fails."""

    @field_validator("extra")
    @classmethod
    def _adds(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := value.keys() & {
            "model",
            "messages",
            "temperature",
            "max_tokens",
            "stream",
            "n",
        }:
            raise ValueError(f"'{min(taken)}' is no further field of the request")
        return value


class Price(Spec):
    """What a million tokens cost, in any one currency."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Means(Spec):
    """By which means a judge is asked; none of it changes a judgment."""

    endpoint: str | None = None
    """Default: OPENAI_BASE_URL, else OpenAI's own."""
    cache: str | None = None
    """Folder of what was answered and spent; default: ESPALIER_CACHE, else ~/.cache/espalier."""
    concurrency: int = Field(8, ge=1, le=256)
    """Requests under way at once."""
    timeout: float = Field(300.0, gt=0)
    """Seconds that one request may take in all."""
    retries: int = Field(5, ge=0, le=20)
    """How often a request is asked again where the endpoint is busy, broken or silent."""
    wait: float = Field(1.0, gt=0)
    """Seconds before the first retry, doubled before each further one."""
    longest_wait: float = Field(60.0, gt=0)
    most_requests: int | None = Field(None, ge=1)
    most_tokens: int | None = Field(None, ge=1)
    most_cost: float | None = Field(None, gt=0)
    """Limits on all that this judge was ever asked into this cache, by whomever."""
    price: Price | None = None

    @field_validator("endpoint")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("an endpoint is an address such as http://localhost:8000/v1")
            if parts.username or parts.password or parts.query:
                raise ValueError(f"an endpoint holds no name, key or query; set {KEY}")
        return value


def judge_named(given: Named) -> tuple[Judge, Means] | None:
    """Return the judge that a user names, or that ESPALIER_JUDGE does; None where neither does.

    Raises `SpecError` for an option that is not there, and for anything like a key.
    """
    where = "judge"
    if given is None:
        given, where = os.environ.get(NAME) or None, NAME
    if isinstance(given, str):
        given = _object(given) if given.lstrip().startswith("{") else {"model": given}
    if given is None:
        return None
    if secret := next(_secrets(given), None):
        raise SpecError(
            f"{where}.{secret}: a key belongs into no study and no option; set {KEY} in the "
            "environment"
        )
    known = Judge.model_fields.keys() | Means.model_fields.keys()
    if unknown := [name for name in given if name not in known]:
        raise SpecError(f"{where}: no option '{unknown[0]}'; {choices(str(unknown[0]), known)}")
    try:
        judge = Judge(**{n: v for n, v in given.items() if n in Judge.model_fields})
        means = Means(**{n: v for n, v in given.items() if n in Means.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{where}.{name}: {first['msg'].removeprefix('Value error, ')}") from None
    if means.most_cost is not None and means.price is None:
        raise SpecError(
            f"{where}.most_cost: the price is missing; give `price: {{input: ..., output: ...}}` "
            "for a million tokens"
        )
    return judge, means


def judged_by(given: Named, mode: Literal["single", "pair"] = "single") -> Use:
    """Return the use of the scorer `judge` that an ability's option `judge` asks for.

    Where no judge is named, the scorer itself refuses; an ability can be read without one.
    """
    named = judge_named(given)
    options: dict[str, Any] = {"mode": mode} if mode != "single" else {}
    if named is None:
        return Use(scorer="judge", options=options)
    judge, means = (part.model_dump(mode="json", exclude_defaults=True) for part in named)
    return Use(scorer="judge", options=options | {"judge": judge}, means={"means": means})


def endpoint(means: Means) -> str:
    """Return where the judge is reached."""
    return means.endpoint or os.environ.get(ENDPOINT) or "https://api.openai.com/v1"


def address(means: Means) -> str:
    """Return the endpoint as it may be shown: without a name, a password or a query."""
    parts = urlsplit(endpoint(means))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def hidden(text: str) -> str:
    """Return `text` in one line without anything that is or looks like a key."""
    key = os.environ.get(KEY)
    plain = " ".join(text.split())
    if key:
        plain = plain.replace(key, "***")
    return _KEY_LIKE.sub("***", plain)


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SpecError(f"{NAME}: neither a model's name nor a JSON object with `model`")
    return found


def _secrets(given: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the names under which something like a key is given."""
    for name, value in given.items():
        here = f"{above}{name}"
        if _SECRET.fullmatch(str(name).lower().replace("-", "_")):
            yield here
        elif isinstance(value, Mapping):
            yield from _secrets(value, f"{here}.")
        elif isinstance(value, str) and _KEY_LIKE.search(value):
            yield here
