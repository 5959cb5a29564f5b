"""A model folder's own chat template and tokens, without transformers and without torch.

Planning counts with it and training encodes with it, so both see the same tokens.  The one thing
to understand is which tokens are supervised: those of every assistant turn with its end-of-turn
token, found by rendering.  What the template writes for the turns before an answer, generation
prompt included, must be the beginning of what it writes once the answer is there; the rest is
the answer.  A template that rewrites earlier turns is refused, since no honest mask exists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import numpy as np
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Encoding, Tokenizer

from espalier.ability import Message, Prompt
from espalier.errors import DataError, MissingError

TODAY = datetime(2024, 7, 26, tzinfo=UTC)
"""What a template that asks for the date is told (it is Llama 3's own fallback): with the true
date the same rows would be other tokens tomorrow."""

TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token")


@dataclass(frozen=True)
class Encoded:
    """A row as tokens."""

    ids: list[int]
    supervised: list[bool]
    """True at the tokens the loss (or the likelihood) is taken of; as long as `ids`."""
    truncated: bool = False


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of a rendered conversation."""

    start: int
    end: int


class Chat:
    """The chat template and tokenizer of the model folder `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config = _json(folder / "tokenizer_config.json")
        self.template = _template(folder, self._config)
        """The template's text: it shapes every token, so it belongs into keys."""
        self._tokenizer, self._opens = _tokenizer(folder)
        self._special = _special(folder, self._config)
        try:
            self._compiled = _environment().from_string(self.template)
        except jinja2.TemplateError as error:
            raise MissingError(f"{folder}: its chat template is broken ({error})") from None

    def encode(self, messages: Sequence[Message], max_length: int) -> Encoded:
        """Return one conversation as tokens, cut at the end to `max_length`."""
        return self.encode_many([messages], max_length)[0]

    def encode_many(
        self, rows: Iterable[Sequence[Message]], max_length: int | None = None
    ) -> list[Encoded]:
        """Return conversations as tokens, each cut at the end to `max_length`.

        Raises `DataError` for a conversation the template refuses or rewrites.
        """
        texts, spans = [], []
        for messages in rows:
            text, found = self._supervise(messages)
            texts.append(text)
            spans.append(found)
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [_encoded(e, s, max_length) for e, s in zip(encodings, spans, strict=True)]

    def prompt(self, prompt: Prompt) -> list[int]:
        """Return the tokens a model is given before it answers.

        A conversation goes through the template up to its generation prompt.  Raw text is taken
        as it stands, behind what the tokenizer itself puts before a text (Llama's `bos`); empty
        text becomes the token that starts a text, as a model needs something to go on from.
        """
        if isinstance(prompt, str):
            return self._raw(prompt) or [self._first]
        return self._ids(self._render(self._opened(prompt), answer=True))

    def pair(self, prompt: Prompt, candidate: str) -> Encoded:
        """Return prompt and candidate reply as tokens, the candidate's supervised.

        After a conversation the candidate is the assistant's turn with its end-of-turn token.
        After raw text it is the text that follows, by lm-evaluation-harness's rule
        (`_encode_pair`): spaces at the prompt's end go over to the candidate, and both are
        tokenised as one text.
        """
        if not isinstance(prompt, str):
            messages: list[Message] = [*prompt, {"role": "assistant", "content": candidate}]
            text, spans = self._supervise(messages)
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
            return _encoded(encoding, spans[-1:], None)
        bare = prompt.rstrip()
        before = self._raw(bare) if bare else [self._first]
        whole = self._raw(prompt + candidate) if bare else [*before, *self._ids(prompt + candidate)]
        return Encoded(whole, [i >= len(before) for i in range(len(whole))])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens left out."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    @cached_property
    def end_text(self) -> str:
        """What the template writes after an answer to end the turn, or nothing."""
        content = "answer"
        messages: list[Message] = [
            {"role": "user", "content": "question"},
            {"role": "assistant", "content": content},
        ]
        text, spans = self._supervise(messages)
        answer = text[spans[-1].start : spans[-1].end]
        return answer[answer.rindex(content) + len(content) :].strip() if content in answer else ""

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a turn: the template's, the tokenizer's and the model's own."""
        ids: set[int] = set()
        for name in ("generation_config.json", "config.json"):
            found = _json(self.folder / name).get("eos_token_id")
            ids.update(found if isinstance(found, list) else [] if found is None else [found])
        ids.update(self._lookup("eos_token"))
        if self.end_text and self.ends_in_one_token:
            ids.update(self._ids(self.end_text))
        return frozenset(ids)

    @cached_property
    def ends_in_one_token(self) -> bool:
        """Whether a turn's end is one token, or nothing, and need not be looked for as text."""
        return len(self._ids(self.end_text)) <= 1

    @cached_property
    def pad_id(self) -> int:
        """The token that fills up a batch; never looked at, so any will do where none is named."""
        return next(iter([*self._lookup("pad_token"), *sorted(self.end_ids), 0]))

    @cached_property
    def _first(self) -> int:
        """The token that starts a text: the tokenizer's `bos`, else its `eos`."""
        ids = [*self._lookup("bos_token"), *self._lookup("eos_token"), *sorted(self.end_ids)]
        if not ids:
            raise DataError(f"{self.folder}: an empty prompt needs a bos or eos token; it has none")
        return ids[0]

    def _lookup(self, name: str) -> list[int]:
        token = self._special.get(name)
        found = None if token is None else self._tokenizer.token_to_id(token)
        return [] if found is None else [found]

    def _raw(self, text: str) -> list[int]:
        """Return raw text as tokens, its start marked once where the tokenizer marks it."""
        ids = self._ids(text)
        marked = not text or ids[: len(self._opens)] == self._opens
        return ids if marked else [*self._opens, *ids]

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _render(self, messages: Sequence[Message], *, answer: bool = False) -> str:
        try:
            return self._compiled.render(
                messages=[dict(m) for m in messages],
                tools=None,
                documents=None,
                add_generation_prompt=answer,
                **self._special,
            )
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            roles = ", ".join(m["role"] for m in messages[:6])
            raise DataError(
                f"{self.folder}: its chat template refuses a conversation of {roles} ({error})"
            ) from None

    def _supervise(self, messages: Sequence[Message]) -> tuple[str, list[Span]]:
        """Return the conversation as text and the spans of its assistant turns."""
        if not messages:
            raise DataError(f"{self.folder}: a conversation without messages cannot be encoded")
        messages = self._opened(messages)
        turns = [i for i, m in enumerate(messages) if m["role"] == "assistant"]
        text = self._render(messages)
        return text, [self._span(text, messages, i) for i in turns]

    def _opened(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Put an empty question before an answer that opens, where the template insists on one."""
        roles = [m["role"] for m in messages]
        if "assistant" not in roles or "user" in roles[: (first := roles.index("assistant"))]:
            return messages
        if self._can_open(messages[: first + 1]):
            return messages
        return [*messages[:first], {"role": "user", "content": ""}, *messages[first:]]

    def _can_open(self, messages: Sequence[Message]) -> bool:
        """Say whether the template lets the assistant speak first, and its turn can be found."""
        try:
            return self._opening(self._render(messages)) is not None
        except DataError:
            return False

    def _opening(self, text: str) -> int | None:
        """Return where the content of a conversation's very first assistant turn begins.

        Templates fail on an empty conversation, so it is found by the header that announces it.
        """
        at = text.find(self._header) if self._header else -1
        return None if at < 0 else at + len(self._header)

    @cached_property
    def _header(self) -> str:
        """What the template writes to announce an answer."""
        messages: list[Message] = [{"role": "user", "content": "question"}]
        before = self._render(messages)
        after = self._render(messages, answer=True)
        return after[len(before) :] if after.startswith(before) else ""

    def _span(self, text: str, messages: Sequence[Message], turn: int) -> Span:
        """Return where the answer of `messages[turn]` stands in `text`, end of turn included."""
        upto = text if turn == len(messages) - 1 else self._render(messages[: turn + 1])
        if turn == 0:
            start = self._opening(text) or 0  # `_supervise` saw to it that there is one
            before = upto[:start]
        else:
            before = self._render(messages[:turn], answer=True)
            start = len(before)
        if not (upto.startswith(before) and text.startswith(upto)):
            raise DataError(
                f"{self.folder}: its chat template writes earlier turns otherwise once later ones "
                "follow, so the answers cannot be told from the prompts; put a chat_template.jinja "
                "that leaves earlier turns alone into the folder"
            )
        content = messages[turn]["content"].strip()
        tail = upto[start:].rpartition(content)[2] if content else upto[start:]
        # After an end-of-turn token white space belongs to the template, not to the answer;
        # where nothing else ends the turn, white space is its end.
        end = len(upto.rstrip()) if tail.strip() else len(upto)
        return Span(start, max(start, end))


def _encoded(encoding: Encoding, spans: Sequence[Span], max_length: int | None) -> Encoded:
    offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    starts, ends = offsets[:, 0], np.maximum(offsets[:, 1], offsets[:, 0] + 1)
    supervised = np.zeros(len(offsets), dtype=np.bool_)
    for span in spans:  # a token that straddles the border carries some of the answer
        supervised |= (ends > span.start) & (starts < span.end)
    ids = encoding.ids
    truncated = max_length is not None and len(ids) > max_length
    return Encoded(ids[:max_length], supervised[:max_length].tolist(), truncated)


def _tokenizer(folder: Path) -> tuple[Tokenizer, list[int]]:
    """Return the folder's tokenizer, and the tokens it puts before a text of its own accord."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise MissingError(
            f"{folder}: no tokenizer.json; save the model's fast tokenizer there "
            "(AutoTokenizer.from_pretrained(...).save_pretrained(...))"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare exceptions
        raise MissingError(f"{path}: not a tokenizer ({error})") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    bare, marked = (tokenizer.encode("a", add_special_tokens=add).ids for add in (False, True))
    places = range(len(marked) - len(bare) + 1)
    start = next((at for at in places if marked[at : at + len(bare)] == bare), 0)
    # It would add nothing to the ids here, but a byte-level one trims white space off the
    # offsets, which decide what is supervised.
    tokenizer.post_processor = None
    return tokenizer, marked[:start]


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    """Return the text of the folder's default chat template, by transformers' order of search."""
    path = folder / "chat_template.jinja"
    found = path.read_text(encoding="utf-8") if path.is_file() else config.get("chat_template")
    if isinstance(found, list):
        found = {t["name"]: t["template"] for t in found}.get("default")
    if not isinstance(found, str) or not found:
        raise MissingError(
            f"{folder}: no chat template (chat_template.jinja, or chat_template in "
            "tokenizer_config.json); a base model needs one before it can be fine-tuned, so put a "
            "chat_template.jinja there"
        )
    return found


def _special(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the named special tokens, each written as text or as `{"content": text}`."""
    known = _json(folder / "special_tokens_map.json") | dict(config)
    given = {name: known.get(name) for name in TOKENS}
    texts = {n: t.get("content") if isinstance(t, dict) else t for n, t in given.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MissingError(f"{path}: not JSON ({error})") from None
    return found if isinstance(found, dict) else {}


class _Generation(jinja2.ext.Extension):
    """Let `{% generation %}` pass: it marks the answers, which are found by rendering here."""

    tags = {"generation"}  # noqa: RUF012  (jinja2 wants a plain attribute)

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """Return the block's body, with the scope of its own that transformers gives it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


class _Namespace(jinja2.utils.Namespace):
    """A namespace that keeps templates, which come from strangers, off Python's inner names."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise jinja2.TemplateError(f"a template may not set {name}")
        super().__setitem__(name, value)


def _environment() -> ImmutableSandboxedEnvironment:
    """Return the sandbox transformers renders chat templates in (`chat_template_utils`, 5.23)."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    filters: dict[str, Callable[..., Any]] = {"tojson": _to_json}
    environment.filters.update(filters)
    environment.globals |= {
        "raise_exception": _raise,
        "strftime_now": TODAY.strftime,
        "namespace": _Namespace,
        "dict": lambda *pairs, **named: dict(*pairs, **named),
    }
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return `value` as JSON; jinja2's own filter would escape HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)
