"""What several commands share: options, and how things are said."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from espalier.step import Site

if TYPE_CHECKING:
    from rich.console import Console

    from espalier.executor import Executor
    from espalier.plan import Plan
    from espalier.study import AbilityUse

F = TypeVar("F", bound=Callable[..., Any])


def scale_option(f: Callable[..., None]) -> Callable[..., None]:
    """Choose one of a study's scales; the command finds it before its `sets`, as `scale=NAME`."""

    @wraps(f)
    def packed(scale: str | None, sets: tuple[str, ...], **given: Any) -> None:
        f(sets=(f"scale={scale}", *sets) if scale else sets, **given)

    return click.option("--scale", metavar="NAME", help="One of the study's `scales:`.")(packed)


def study_argument(f: Callable[..., None]) -> Callable[..., None]:
    """Take a study, one of its scales, and overrides on top of it."""
    f = scale_option(f)
    f = click.argument("overrides", nargs=-1, metavar="[NAME=VALUE]...")(f)
    f = click.option(
        "--set", "sets", multiple=True, metavar="NAME=VALUE", help="Same as a trailing NAME=VALUE."
    )(f)
    return click.argument("study", metavar="STUDY")(f)


def store_option(f: F) -> F:
    """Say where the steps lie."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        envvar="ESPALIER_STORE",
        show_default=True,
        help="Folder of finished steps; studies that share it share work.",
    )(f)


def json_option(f: F) -> F:
    """Answer a program rather than a person."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")(f)


SITE = {
    "workers": click.option(
        "--workers",
        type=click.IntRange(min=0),
        default=None,
        help="Worker processes; 0 works in this process.  Default: one per GPU, or per core.",
    ),
    "device": click.option(
        "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
    ),
    "threads": click.option(
        "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Per worker."
    ),
    "micro_tokens": click.option(
        "--micro-tokens",
        type=click.IntRange(min=16),
        default=Site.micro_tokens,
        show_default=True,
        help="Most tokens in one forward pass; less needs less memory and changes no result.",
    ),
    "gradient_checkpointing": click.option(
        "--gradient-checkpointing",
        is_flag=True,
        help="Compute activations twice: slower, for models that barely fit.",
    ),
    "checkpoint_seconds": click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=Site.checkpoint_seconds,
        show_default=True,
        help="How often a training saves its state; a kill costs no more work than that.",
    ),
}


def site_options(f: Callable[..., None]) -> Callable[..., None]:
    """Say where steps run; the command is given all of it as `site`."""

    @wraps(f)
    def packed(**given: Any) -> None:
        f(site={name: given.pop(name) for name in SITE}, **given)

    for option in reversed(SITE.values()):
        packed = option(packed)
    return packed


def open_plan(name: str, overrides: Sequence[str] = ()) -> Plan:
    """Plan the study that `name` means, with the overrides on top; refusals name its file."""
    from espalier.errors import EspalierError
    from espalier.load import find, load
    from espalier.plan import plan

    path = find(name)
    study = load(path, overrides)
    try:
        return plan(study)
    except EspalierError as error:
        raise type(error)(f"{path}: {error}") from None


def open_executor(site: Mapping[str, Any]) -> Executor:
    """Return the local executor with the site that the options describe."""
    from espalier.executor import executors

    return executors["local"](**site)


def console(*, err: bool = False) -> Console:
    """Return where a person reads."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # `espalier ... | head` has read enough, which is no failure

    return Piped(stderr=err, highlight=False, soft_wrap=False)


def say_json(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def minutes(seconds: float) -> str:
    """Say a duration as a person would."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def seconds(took: float) -> str:
    """Say a duration that may be very short."""
    return f"{took:.2g} s" if took < 10 else minutes(took)


def size(count: float) -> str:
    """Say a number of bytes as a person would."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(count: float) -> str:
    """Say a large number shortly: 1.2 M."""
    for unit in ("", " k", " M", " G", " T", " P"):
        if abs(count) < 1000:
            return f"{count:.0f}{unit}" if unit == "" else f"{count:.1f}{unit}"
        count /= 1000
    return f"{count:.1f} E"


def ability_options(f: F) -> F:
    """Say where an ability's data lies and how much of it is asked."""
    f = click.option(
        "--option",
        "given",
        multiple=True,
        metavar="NAME=VALUE",
        help="Of the abilities that know it: shots=5, by=text, form=raw, include=DIR.",
    )(f)
    f = click.option("--limit", type=click.IntRange(min=1), help="Only the first items.")(f)
    return click.option("--data", help="Folder of the abilities' data; default: $ESPALIER_DATA.")(f)


def asked_abilities(
    names: str,
    data: str | None,
    limit: int | None,
    given: Sequence[str] = (),
    *,
    strict: bool = True,
) -> list[tuple[AbilityUse, dict[str, Any]]]:
    """Read `gsm8k,tunnel:math` as a study would, and lay the options over those that fit.

    `given` are options as `shots=5`; one that no ability knows is refused where this is `strict`.
    """
    from typing import get_type_hints

    from pydantic import TypeAdapter, ValidationError

    from espalier.ability import abilities
    from espalier.errors import SpecError
    from espalier.study import AbilityEntry

    more = dict(_option(text) for text in given)
    found, used = [], set()
    for name in names.split(","):
        try:
            use = TypeAdapter(AbilityEntry).validate_python(name.strip())
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise SpecError(f"--ability {name}: {message}") from None
        hints = get_type_hints(abilities[use.use])
        options = use.options
        if data is not None and "data" in hints:
            options["data"] = data
        for word in ("limit", "items"):
            if limit is not None and word in hints:
                options[word] = limit
                break
        fitting = {word: value for word, value in more.items() if word in hints}
        options |= fitting
        used |= set(fitting)
        found.append((use, options))
    if strict and (strange := [word for word in more if word not in used]):
        raise SpecError(f"--option {strange[0]}: none of {names} has an option of that name")
    for place, one in enumerate(found):
        if one in found[:place]:
            raise SpecError(f"--ability {names}: {one[0].name} is asked for twice")
    called = [use.name for use, _ in found]
    return [
        # agieval:zh and logiqa:zh would both be called zh
        (u.model_copy(update={"name": f"{u.use}.{u.name}"}) if called.count(u.name) > 1 else u, o)
        for u, o in found
    ]


def _option(text: str) -> tuple[str, Any]:
    """Read `shots=5` as a study file would."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from espalier.errors import SpecError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SpecError(f"--option {text}: write it as NAME=VALUE, for example shots=5")
    try:
        return name, YAML(typ="safe").load(value)
    except YAMLError:
        return name, value


def show_scores(rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Print scores with their intervals and what guessing gives."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("ability")
    table.add_column("metric")
    for column in ("score", "95 % interval (items)", "chance", "n", "unscored"):
        table.add_column(column, justify="right")
    for name, row in rows:
        low, high = item_interval(row)
        table.add_row(
            name,
            str(row["metric"]),
            _plain(row["score"]),
            f"{_plain(low)} to {_plain(high)}" if low is not None else "unknown",
            _plain(row.get("chance")),
            str(row["n"]),
            str(row.get("unscored") or ""),
        )
    console().print(table)


def item_interval(row: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return the 95 % interval from item noise: Wilson's for shares, normal for the rest."""
    score, stderr, n = row["score"], row.get("stderr"), row.get("n")
    if score is None or not n:
        return None, None
    share = stderr is not None and abs(stderr**2 - score * (1 - score) / n) < 1e-9
    if 0 <= score <= 1 and share:
        from statsmodels.stats.proportion import proportion_confint

        low, high = proportion_confint(round(score * n), n, method="wilson")
        return float(low), float(high)
    if stderr is None:
        return None, None
    low, high = score - 1.96 * stderr, score + 1.96 * stderr
    if 0 <= score <= 1 and row.get("higher_is_better", True):  # a share, credit for steps, say
        return max(low, 0.0), min(high, 1.0)
    return low, high


def _plain(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"
