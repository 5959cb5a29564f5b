from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

import tiny
from espalier.ability import Message
from espalier.chat import Chat
from espalier.errors import DataError, MissingError

ZEPHYR = (
    "{%- for message in messages %}\n"
    "  {%- if message['role'] == 'user' %}\n"
    "<|user|>\n{{ message['content'] + eos_token }}\n"
    "  {%- elif message['role'] == 'system' %}\n"
    "<|system|>\n{{ message['content'] + eos_token }}\n"
    "  {%- else %}\n"
    "<|assistant|>\n{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}\n"
    "  {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n<|assistant|>\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)
PLAIN = (
    "{% set state = namespace(seen=false) %}"
    "{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}"
    "{% if m.role == 'assistant' %}{% set state.seen = true %}{% endif %}"
    "### {{ m.role }}:\n{{ m.content | trim }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### assistant:\n{% endif %}"
)
QWEN = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}"
    "{% endif %}" + tiny.CHATML
)
DATED = "{{ strftime_now('%d %b %Y') }} {{ messages[0] | tojson }}" + tiny.CHATML
REWRITES = (
    "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}"
    "{{ '<|im_start|>assistant\nforgotten<|im_end|>\n' }}{% else %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

ASK: Message = {"role": "user", "content": "How many?  \n"}
TELL: Message = {"role": "assistant", "content": " 12 + 7 = 19\n\n#### 19 apples 好🍎 "}
MORE: Message = {"role": "user", "content": "And left?"}
LAST: Message = {"role": "assistant", "content": "7"}
SYSTEM: Message = {"role": "system", "content": "Be brief."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.tokenizer(tmp_path / "model")


def chat(tmp_path: Path, template: str) -> Chat:
    return Chat(tiny.tokenizer(tmp_path / "model", template=template))


def answers(chat: Chat, *messages: Message) -> list[str]:
    """Return the supervised stretches of a conversation as text, special tokens kept."""
    encoded = chat.encode(messages, 10_000)
    stretches: list[list[int]] = []
    for at, (token, supervised) in enumerate(zip(encoded.ids, encoded.supervised, strict=True)):
        if supervised and at and encoded.supervised[at - 1]:
            stretches[-1].append(token)
        elif supervised:
            stretches.append([token])
    return [chat._tokenizer.decode(s, skip_special_tokens=False) for s in stretches]


@pytest.mark.parametrize(
    ("template", "rows"),
    [
        (tiny.CHATML, [(ASK, TELL), (SYSTEM, ASK, TELL, MORE, LAST), (TELL,), (TELL, MORE, LAST)]),
        (ZEPHYR, [(ASK, TELL), (SYSTEM, ASK, TELL, MORE, LAST), (TELL, MORE, LAST)]),
        (MISTRAL, [(ASK, TELL), (ASK, TELL, MORE, LAST)]),
        (PLAIN, [(ASK, TELL), (SYSTEM, ASK, TELL, MORE, LAST), (TELL,)]),
        (QWEN, [(ASK, TELL), (SYSTEM, ASK, TELL, MORE, LAST), (TELL, MORE, LAST)]),
    ],
)
def test_tokens_are_those_of_transformers(
    tmp_path: Path, template: str, rows: list[tuple[Message, ...]]
) -> None:
    transformers = pytest.importorskip("transformers")
    ours = chat(tmp_path, template)
    theirs = transformers.AutoTokenizer.from_pretrained(ours.folder)
    theirs.bos_token = None
    for row in rows:
        want = theirs.apply_chat_template(list(row), return_dict=False)
        assert ours.encode(row, 10_000).ids == want
        asked = theirs.apply_chat_template(
            [*row, MORE] if row[-1]["role"] == "assistant" else list(row),
            add_generation_prompt=True,
            return_dict=False,
        )
        assert ours.prompt((*row, MORE)) == asked


def test_every_answer_is_supervised_with_its_end_of_turn_token(folder: Path) -> None:
    found = answers(Chat(folder), SYSTEM, ASK, TELL, MORE, LAST)
    assert found == [TELL["content"] + "<|im_end|>", "7<|im_end|>"]


def test_white_space_at_the_start_of_an_answer_is_supervised(tmp_path: Path) -> None:
    assert answers(chat(tmp_path, MISTRAL), ASK, LAST) == [" 7<|endoftext|>"]
    assert answers(Chat(tmp_path / "model"), ASK, {"role": "assistant", "content": "\n\n7"}) == [
        " \n\n7<|endoftext|>"
    ]


def test_without_an_end_of_turn_token_white_space_ends_the_turn(tmp_path: Path) -> None:
    ours = chat(tmp_path, PLAIN)
    assert answers(ours, ASK, LAST, MORE, LAST) == ["7\n\n", "7\n\n"]
    assert ours.end_text == ""


def test_an_answer_may_come_first(folder: Path, tmp_path: Path) -> None:
    assert answers(Chat(folder), LAST, ASK, LAST) == ["7<|im_end|>"] * 2
    other = chat(tmp_path / "qwen", QWEN)
    assert answers(other, LAST, ASK, LAST) == ["7<|im_end|>"] * 2
    assert answers(other, SYSTEM, LAST) == ["7<|im_end|>"]


def test_a_template_that_wants_a_question_first_gets_an_empty_one(tmp_path: Path) -> None:
    ours = chat(tmp_path, MISTRAL)
    empty: Message = {"role": "user", "content": ""}
    assert ours.encode((LAST, ASK, LAST), 999) == ours.encode((empty, LAST, ASK, LAST), 999)
    assert ours.prompt((LAST, ASK)) == ours.prompt((empty, LAST, ASK))


def test_what_a_row_begins_with_is_what_the_model_is_prompted_with(folder: Path) -> None:
    ours = Chat(folder)
    prompt, encoded = ours.prompt((SYSTEM, ASK)), ours.encode((SYSTEM, ASK, TELL), 999)
    assert encoded.ids[: len(prompt)] == prompt
    assert encoded.supervised.index(True) == len(prompt)


def test_a_long_row_is_cut_at_the_end_and_says_so(folder: Path) -> None:
    ours = Chat(folder)
    whole = ours.encode((ASK, TELL), 999)
    cut, exact = ours.encode((ASK, TELL), 20), ours.encode((ASK, TELL), len(whole.ids))
    assert (cut.ids, cut.supervised) == (whole.ids[:20], whole.supervised[:20])
    assert cut.truncated
    assert not whole.truncated
    assert exact == whole


def test_a_batch_is_encoded_as_its_rows_are(folder: Path) -> None:
    ours, rows = Chat(folder), [(ASK, TELL), (TELL,), (SYSTEM, ASK, TELL, MORE, LAST)]
    assert ours.encode_many(rows, 64) == [ours.encode(row, 64) for row in rows]


def test_a_template_that_rewrites_earlier_turns_is_refused(tmp_path: Path) -> None:
    ours = chat(tmp_path, REWRITES)
    assert answers(ours, ASK, LAST) == ["7<|im_end|>"]
    with pytest.raises(DataError, match="writes earlier turns otherwise"):
        ours.encode((ASK, LAST, MORE, LAST), 99)


def test_the_date_in_a_template_does_not_move(tmp_path: Path) -> None:
    ours = chat(tmp_path, DATED)
    assert ours.decode(ours.prompt((ASK,))).startswith('26 Jul 2024 {"role": "user"')


@pytest.mark.parametrize(
    ("break_it", "say"),
    [
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda f: (f / "tokenizer.json").write_text("{"), "not a tokenizer"),
        (lambda f: (f / "chat_template.jinja").unlink(), "no chat template"),
        (lambda f: (f / "chat_template.jinja").write_text("{% if %}"), "is broken"),
        (lambda f: (f / "tokenizer_config.json").write_text("{"), "not JSON"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(folder: Path, break_it: object, say: str) -> None:
    assert callable(break_it)
    break_it(folder)
    with pytest.raises(MissingError, match=say) as refusal:
        Chat(folder)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("listed", [False, True])
def test_the_template_may_stand_in_the_tokenizer_config(folder: Path, listed: bool) -> None:
    before = Chat(folder).encode((ASK, TELL), 99)
    (folder / "chat_template.jinja").unlink()
    named = [{"name": "rag", "template": "no"}, {"name": "default", "template": tiny.CHATML}]
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text()) | {"chat_template": named if listed else tiny.CHATML}
    path.write_text(json.dumps(config))
    assert Chat(folder).encode((ASK, TELL), 99) == before


def test_a_template_cannot_reach_python(tmp_path: Path) -> None:
    ours = chat(tmp_path, "{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(DataError, match="refuses a conversation"):
        ours.prompt((ASK,))


def test_a_turn_ends_where_template_tokenizer_or_model_say_so(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"eos_token_id": [0, 9]}')
    assert Chat(folder).end_ids == {0, 2, 9}


def test_spaces_before_a_continuation_belong_to_the_continuation(folder: Path) -> None:
    ours = Chat(folder)
    pair = ours.pair("Tom has ", "12 apples")
    candidate = [i for i, s in zip(pair.ids, pair.supervised, strict=True) if s]
    assert ours.decode(candidate) == " 12 apples"
    assert pair == ours.pair("Tom has", " 12 apples")


def test_a_candidate_reply_is_the_last_turn_with_its_end(folder: Path) -> None:
    ours = Chat(folder)
    pair = ours.pair((ASK, TELL, MORE), "19")
    assert pair.ids == ours.encode((ASK, TELL, MORE, {**LAST, "content": "19"}), 999).ids
    assert pair.ids[: pair.supervised.index(True)] == ours.prompt((ASK, TELL, MORE))


def test_an_empty_prompt_starts_from_the_first_token(folder: Path) -> None:
    pair = Chat(folder).pair("", "12")
    assert pair.ids[0] == 0
    assert pair.supervised[:2] == [False, True]
    assert Chat(folder).prompt("") == [0]


def test_raw_text_is_marked_once_where_the_tokenizer_marks_texts(folder: Path) -> None:
    plain = Chat(folder)
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    start = tiny.SPECIAL[0]
    made.post_processor = TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, made.token_to_id(start))]
    )
    made.save(str(folder / "tokenizer.json"))
    marked = Chat(folder)
    assert marked.prompt("How many?") == [0, *plain.prompt("How many?")]
    assert marked.prompt(f"{start}How many?") == [0, *plain.prompt("How many?")]
    pair = marked.pair("How many? ", "7")
    assert pair.ids == [0, *plain.pair("How many? ", "7").ids]
    assert pair.supervised == [False, *plain.pair("How many? ", "7").supervised]
    assert marked.pair("", "7").ids == plain.pair("", "7").ids
    assert marked.prompt((ASK,)) == plain.prompt((ASK,))


def test_tokens_are_counted_without_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from espalier.chat import Chat\n"
        "Chat(Path(sys.argv[1])).encode([{'role': 'user', 'content': 'Hi'}], 9)\n"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == 0
