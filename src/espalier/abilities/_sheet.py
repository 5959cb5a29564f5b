"""An ability in one YAML file: its rows, how a row becomes an item, and how replies are scored.

    rows (`items:` in the file, or `data:` beside it) --templates--> items

A template is text with columns in braces: `{question}`, `{other.solution}`; `{{` and `}}` are
braces.  A template that is one column and nothing else keeps the column's value as it is, so that
`"{choices}"` is a list where the column is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from espalier.ability import Item, Message, Prompt, Use
from espalier.errors import DataError, MissingError, SpecError, choices
from espalier.format import Record
from espalier.records import BadRow, find, records
from espalier.shelf import digest_of
from espalier.spec import Spec

_COLUMN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_DATA = (".jsonl", ".json", ".csv", ".parquet")


class ScorerUse(Spec):
    """A scorer by name with its options, as `{scorer: exact, rule: last_number}`."""

    model_config = ConfigDict(extra="allow")
    scorer: str

    def use(self, folder: Path) -> Use:
        """Return it as an ability names it; an own scorer's file is looked for in `folder`."""
        options = dict(self.__pydantic_extra__ or {})
        if self.scorer != "own" or not isinstance(options.get("file"), str):
            return Use(scorer=self.scorer, options=options)
        return own_scorer(folder / options.pop("file"), options)


def own_scorer(file: Path, options: Mapping[str, Any]) -> Use:
    """Return the use of a user's own scorer: known by its content, wherever it lies."""
    return Use(
        scorer="own",
        options={**options, "digest": digest_of(file)},
        means={"file": str(file.expanduser().resolve())},
    )


def _short_scorer(value: Any) -> Any:
    return {"scorer": value} if isinstance(value, str) else value


class Sheet(Spec):
    """What the file says."""

    items: tuple[dict[str, Any], ...] | None = Field(None, description="the rows themselves")
    data: str | None = Field(None, description="a file of rows, from the sheet's own folder")
    form: Literal["chat", "raw"] = "chat"
    system: str | None = None
    prompt: str | None = None
    followups: tuple[str, ...] | str | None = None
    target: str | None = None
    candidates: tuple[str, ...] | str | None = None
    id: str | None = None
    cluster: str | None = None
    chance: float | str | None = None
    temperature: float | None = None
    facts: dict[str, Any] = Field({})
    scorers: tuple[Annotated[ScorerUse, BeforeValidator(_short_scorer)], ...] = ()
    role: Literal["in", "out"] | None = None
    suite: str | None = None
    max_new_tokens: Annotated[int, Field(ge=1)] = 256
    stop: tuple[str, ...] = ()
    samples: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _rows(self) -> Sheet:
        if (self.items is None) == (self.data is None):
            raise ValueError("give the rows either as `items:` or as a file, `data:`")
        return self


@dataclass(frozen=True)
class _Row:
    """A row with the templates that are filled from it."""

    sheet: Sheet
    record: Record

    def given(self, name: str) -> Any:
        """Return a field of the item: the sheet's template filled, else the row's own column."""
        template = getattr(self.sheet, name)
        if template is None:
            return self.record.get(name)
        if isinstance(template, tuple):
            return [part for one in template for part in _listed(self.fill(one))]
        return self.fill(template)

    def fill(self, template: Any) -> Any:
        """Fill a template; one that is a single column keeps that column's value."""
        if not isinstance(template, str):
            return template
        whole = re.fullmatch(r"\{([^{}]+)\}", template)
        if whole:
            return self._column(whole[1])
        return _COLUMN.sub(
            lambda m: m[0][0] if m[1] is None else _text(self._column(m[1])), template
        )

    def _column(self, name: str) -> Any:
        value: Any = self.record
        for part in name.strip().split("."):
            if not isinstance(value, Mapping) or part not in value:
                known = value if isinstance(value, Mapping) else self.record
                there = choices(part, map(str, known))
                raise DataError(f"no column '{name}'; {there} Braces are written {{{{ and }}}}")
            value = value[part]
        return value


def read_sheet(file: Path) -> Sheet:
    """Read the sheet; a file of rows is a sheet that takes them as they are."""
    if not file.is_file():
        raise MissingError(f"{file}: no such file; an own ability is a .yaml, .py or data file")
    if Path(file.name.removesuffix(".gz")).suffix in _DATA:
        return Sheet(data=file.name)
    given = _yaml(file)
    try:
        return Sheet.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if "function" not in str(part))
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"no such field; {choices(str(first['loc'][-1]), Sheet.model_fields)}"
        raise SpecError(f"{file}: {where}: {message}".replace(": : ", ": ")) from None


def items_of(sheet: Sheet, file: Path) -> Iterator[Item]:
    """Yield the items; a row that is none is refused with its place."""
    for where, number, record in _rows(sheet, file):
        try:
            yield _item(_Row(sheet, record), f"{file.stem}/{number}")
        except (DataError, ValueError) as error:
            raise DataError(f"{where}: {error}") from None


def scorers_of(sheet: Sheet, items: tuple[Item, ...], folder: Path) -> tuple[Use, ...]:
    """Return the sheet's scorers; by default those that its items are made for, and `nll`."""
    if sheet.scorers:
        return tuple(entry.use(folder) for entry in sheet.scorers)
    compared = all(len(item.candidates) > 1 for item in items)
    return (*((Use(scorer="distractors"),) if compared else ()), Use(scorer="nll"))


def _rows(sheet: Sheet, file: Path) -> Iterator[tuple[str, int, Record]]:
    if sheet.items is not None:
        yield from ((f"{file}: items[{i}]", i, record) for i, record in enumerate(sheet.items))
        return
    number = 0
    for found in find(str(sheet.data), file.parent):
        for line, record in records(found):
            if isinstance(record, str):
                raise DataError(str(BadRow(file=str(found), line=line, why=record)))
            yield str(BadRow(file=str(found), line=line, why="")).rstrip(": "), number, record
            number += 1


def _item(row: _Row, name: str) -> Item:
    prompt, target = _asked(row)
    candidates = tuple(_text(one) for one in _listed(row.given("candidates")))
    if candidates and candidates[0] != target:
        others = [one for one in candidates if one != target]
        candidates = (target, *others)
    chance, cluster = row.given("chance"), row.given("cluster")
    facts = {k: row.fill(v) for k, v in row.sheet.facts.items()} or row.record.get("facts") or {}
    temperature = row.given("temperature")
    return Item(
        id=str(row.given("id") or name),
        prompt=prompt,
        target=target,
        candidates=candidates,
        followups=tuple(_text(one) for one in _listed(row.given("followups"))),
        temperature=float(temperature or 0),
        cluster=None if cluster is None else str(cluster),
        chance=None if chance is None else float(chance),
        facts=facts,
    )


def _asked(row: _Row) -> tuple[Prompt, str]:
    """Return the prompt and the target; of a conversation the last reply is the target."""
    asked, target = row.given("prompt"), row.given("target")
    if asked is None:
        asked = row.record.get("messages")
    if isinstance(asked, list | tuple):
        turns = [_message(turn) for turn in asked]
        if turns and turns[-1]["role"] == "assistant":
            last = turns.pop()["content"]
            target = last if target is None else target
        if not turns:
            raise DataError("a conversation without a question")
        prompt: Prompt = tuple(turns)
    elif asked is None:
        raise DataError('no prompt; give a template, as `prompt: "{question}"`, or a column')
    elif row.sheet.form == "raw":
        prompt = _text(asked)
    else:
        prompt = (Message(role="user", content=_text(asked)),)
    if row.sheet.system is not None and not isinstance(prompt, str):
        prompt = (Message(role="system", content=_text(row.fill(row.sheet.system))), *prompt)
    if target is None:
        raise DataError('no target; give a template, as `target: "{answer}"`, or a column')
    return prompt, _text(target)


def _message(turn: Any) -> Message:
    match turn:
        case {"role": "system" | "user" | "assistant" as role, "content": str(content)}:
            return Message(role=role, content=content)
    raise DataError("a turn of the conversation is no {role, content}")


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _text(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list | tuple):
        raise DataError(f"a column of {type(value).__name__} stands where text is wanted")
    return str(value)


def _yaml(file: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        given = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: cannot be read as UTF-8 text: {error}") from None
    except (YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        said = getattr(error, "problem", None) or str(error)
        raise SpecError(f"{file}: {line}{' '.join(said.split())}") from None
    if not isinstance(given, dict):
        raise SpecError(f"{file}: is no mapping; an ability begins with `items:` or `data:`")
    return given
