"""Tasks of lm-evaluation-harness: asked by us, graded by it, with the numbers of its own run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

pytest.importorskip("lm_eval", reason="lm-eval is not installed; pip install 'espalier[lm-eval]'")

import tiny
from espalier.ability import Ability, Item, Likelihood, Reply, Use
from espalier.backend import backends
from espalier.errors import MissingError, SpecError
from espalier.scoring import grade_all, make_ability, make_scorer
from espalier.step import Site

LETTERS = ("A", "B", "C", "D")
GSM8K = {
    "output_type": "generate_until",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_target": "{{answer}}",
    "metric_list": [
        {
            "metric": "exact_match",
            "aggregation": "mean",
            "higher_is_better": True,
            "ignore_case": True,
            "ignore_punctuation": False,
            "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"],
        }
    ],
    "generation_kwargs": {
        "until": ["Question:", "</s>", "<|im_end|>"],
        "do_sample": False,
        "temperature": 0.0,
        "max_gen_toks": 24,
    },
    "filter_list": [
        {
            "name": "strict-match",
            "filter": [
                {"function": "regex", "regex_pattern": "#### (\\-?[0-9\\.\\,]+)"},
                {"function": "take_first"},
            ],
        },
        {
            "name": "flexible-extract",
            "filter": [
                {
                    "function": "regex",
                    "group_select": -1,
                    "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)",
                },
                {"function": "take_first"},
            ],
        },
    ],
}
"""The harness's own gsm8k task, but for where its data lies."""

CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nAnswer:",
    "doc_to_choice": ["A", "B", "C"],
    "doc_to_target": "{{answer}}",
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what `datasets` writes out of the home folder."""
    os.environ.setdefault("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("datasets")))


@pytest.fixture(scope="module", params=["plain", "marked"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a tiny model; the tokenizer of one puts a token before every text, as Llama's does."""
    folder = tiny.model(tmp_path_factory.mktemp("model"), max_position_embeddings=2048)
    if request.param == "marked":
        file = str(folder / "tokenizer.json")
        made = Tokenizer.from_file(file)
        first = tiny.SPECIAL[0]
        made.post_processor = TemplateProcessing(
            single=f"{first} $A", special_tokens=[(first, made.token_to_id(first))]
        )
        made.save(file)
        config = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(config | {"bos_token": first}))
    return folder


def write(folder: Path, name: str, rows: list[dict[str, Any]], config: Mapping[str, Any]) -> Path:
    """Write a task file with its data beside it."""
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    whole = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(file), "train": str(file)}},
        "test_split": "test",
        "fewshot_split": "train",
        "metadata": {"version": 1.0},
    } | dict(config)
    (folder / f"{name}.yaml").write_text(json.dumps(whole))
    return folder


def task(folder: Path, name: str, **options: Any) -> Ability:
    return make_ability("lm_eval", {"task": name, "include": str(folder)} | options)


def said(ability: Ability, replies: list[Reply]) -> dict[str, list[float | None]]:
    found = {}
    for use in ability.scorers:
        scorer = make_scorer(use)
        rows = grade_all(ability.items, replies, scorer)
        found[scorer.metric] = [row["score"] for row in rows]
    return found


def theirs(folder: Path, name: str, model: Path, **options: Any) -> list[dict[str, Any]]:
    """Run the harness itself and return its samples, in the order of the documents."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=2, max_length=2048)
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = simple_evaluate(
        model=lm, tasks=[name], task_manager=manager, bootstrap_iters=0, **options
    )
    assert found is not None
    return sorted(found["samples"][name], key=lambda sample: sample["doc_id"])


ROWS = [{"question": f"Which letter is number {i % 3 + 1}?", "answer": i % 3} for i in range(6)]


def test_a_choice_is_an_item_with_the_right_candidate_first(tmp_path: Path) -> None:
    ability = task(write(tmp_path, "letters", ROWS, CHOICE), "letters", limit=4)
    assert len(ability.items) == 4
    item = ability.items[1]
    assert item.prompt == "Which letter is number 2?\nAnswer:"
    assert item.candidates == (" B", " A", " C")
    assert (item.target, item.chance) == (" B", 1 / 3)
    assert [use.scorer for use in ability.scorers] == ["lm_eval", "lm_eval", "nll"]
    right = [(Likelihood(total=-1, tokens=1, characters=1), *[_unlikely()] * 2)] * 4
    replies = [Reply(likelihoods=given) for given in right]
    assert said(ability, replies) == {"acc": [1] * 4, "acc_norm": [1] * 4, "nll": [1] * 4}
    wrong = [Reply(likelihoods=given[::-1]) for given in right]
    assert said(ability, wrong)["acc"] == [0] * 4


def _unlikely() -> Likelihood:
    return Likelihood(total=-5, tokens=1, characters=1)


def test_the_same_task_is_asked_alike_every_time_and_in_a_chat_turn_by_turn(tmp_path: Path) -> None:
    folder = write(tmp_path, "sums", SUMS, GSM8K | {"num_fewshot": 2})
    first, again = (task(folder, "sums") for _ in range(2))
    assert first.items == again.items
    assert str(first.items[0].prompt).count("Question:") == 3
    assert first.stop == ("Question:", "</s>", "<|im_end|>")
    assert first.max_new_tokens == 24
    chat = task(folder, "sums", form="chat", shots=1)
    roles = [m["role"] for m in chat.items[0].prompt if not isinstance(m, str)]
    assert roles == ["user", "assistant", "user"]
    assert chat.items[0].target == SUMS[0]["answer"]
    assert first.items[0].target == " " + SUMS[0]["answer"]


SUMS = [
    {"question": f"What is {n},000 plus {n}?", "answer": f"{n}000+{n}={n}00{n}\n#### {n},00{n}"}
    for n in range(1, 7)
]
SAYINGS = {
    "#### 1,001": (1, 1),
    "so 1000+1 is 1001\n#### 1001": (1, 1),
    "#### 1001.": (1, 1),
    "#### $1,001": (0, 1),
    "The answer is 1001.": (0, 1),
    "1001 apples of 7": (0, 0),
    "#### 1001.0": (0, 0),
    "#### １００１": (0, 0),
    "#### 1001 and #### 7": (1, 0),
    "nothing": (0, 0),
    "": (0, 0),
}


@pytest.mark.parametrize(("saying", "wanted"), SAYINGS.items())
def test_replies_to_gsm8k_are_graded_by_its_own_filters(
    saying: str, wanted: tuple[int, int], tmp_path: Path
) -> None:
    ability = task(write(tmp_path, "sums", SUMS[:1], GSM8K), "sums")
    found = said(ability, [Reply(text=saying)])
    strict, flexible = "exact_match,strict-match", "exact_match,flexible-extract"
    assert (found[strict], found[flexible]) == ([wanted[0]], [wanted[1]])


def test_our_rule_for_gsm8k_differs_from_the_harness_only_where_the_page_says_so() -> None:
    ours = make_scorer(Use(scorer="exact", options={"rule": "gsm8k"}))
    graded = {s: ours.grade(_sum(), Reply(text=s)).score for s in SAYINGS}
    different = {s for s, (strict, _) in SAYINGS.items() if graded[s] != strict}
    assert different == {"#### $1,001", "#### 1001.0", "#### １００１"}
    page = (Path(__file__).parents[2] / "docs/lm-eval.md").read_text(encoding="utf-8")
    assert all(f"`{saying}`" in page for saying in different)


def _sum() -> Item:
    answer = SUMS[0]["answer"]
    return Item(id="i", prompt="?", target=answer, facts={"answer": answer.rpartition("####")[2]})


def test_likelihoods_and_scores_of_a_cmmlu_exam_are_those_of_the_harness(
    tmp_path: Path, model: Path
) -> None:
    """The exam as our ability asks it; the harness builds the same text from its own template."""
    from espalier.abilities.cmmlu import HEAD, SUBJECTS

    questions = [
        {"Question": f"第{n}题是什么?", **{c: f"{c}{n}" for c in LETTERS}, "Answer": LETTERS[n % 4]}
        for n in range(8)
    ]
    data = tmp_path / "data/cmmlu"
    for split in ("dev", "test"):
        (data / split).mkdir(parents=True)
        lines = [",".join([str(i), *q.values()]) for i, q in enumerate(questions)]
        table = "\n".join([",Question,A,B,C,D,Answer", *lines])
        (data / split / "agronomy.csv").write_text(table + "\n")
    shape = "题目：{{Question}}\nA. {{A}}\nB. {{B}}\nC. {{C}}\nD. {{D}}\n答案是："
    config = {
        "output_type": "multiple_choice",
        "description": HEAD.format(SUBJECTS["agronomy"]),
        "doc_to_text": shape,
        "doc_to_choice": list(LETTERS),
        "doc_to_target": "{{['A', 'B', 'C', 'D'].index(Answer)}}",
        "target_delimiter": "",
        "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": 5,
    }
    folder = write(tmp_path, "agronomy", questions, config)
    ability = make_ability(
        "cmmlu", {"task": "agronomy", "form": "raw", "shots": 5, "data": str(tmp_path / "data")}
    )
    replies = ask(ability, model)
    samples = theirs(folder, "agronomy", model)
    assert len(samples) == len(ability.items) == 8
    accuracy = said(ability, replies)["accuracy"]
    for item, reply, sample, score in zip(ability.items, replies, samples, accuracy, strict=True):
        assert [prompt for prompt, _ in sample["arguments"]] == [item.prompt] * 4
        likely = {
            letter: response[0][0]
            for (_, letter), response in zip(sample["arguments"], sample["resps"], strict=True)
        }
        for candidate, found in zip(item.candidates, reply.likelihoods, strict=True):
            assert found.total == pytest.approx(likely[candidate], abs=1e-4)
            assert found.first == pytest.approx(likely[candidate], abs=1e-4)
        assert score == sample["acc"]


def test_replies_and_scores_of_gsm8k_are_those_of_the_harness(tmp_path: Path, model: Path) -> None:
    folder = write(tmp_path, "sums", SUMS, GSM8K | {"num_fewshot": 3})
    ability = task(folder, "sums")
    replies = ask(ability, model)
    samples = theirs(folder, "sums", model)
    graded = said(ability, replies)
    for kept in ("strict-match", "flexible-extract"):
        mine = [s for s in samples if s["filter"] == kept]
        for item, reply, sample in zip(ability.items, replies, mine, strict=True):
            assert sample["arguments"][0][0] == item.prompt
            assert sample["resps"][0][0] == reply.text
        assert graded[f"exact_match,{kept}"] == [sample["exact_match"] for sample in mine]


def test_the_harness_run_of_a_task_and_ours_are_the_same_numbers(
    tmp_path: Path, model: Path
) -> None:
    folder = write(tmp_path, "letters", ROWS, CHOICE | {"num_fewshot": 2})
    ability = task(folder, "letters")
    replies = ask(ability, model)
    samples = theirs(folder, "letters", model)
    found = said(ability, replies)
    assert found["acc"] == [sample["acc"] for sample in samples]
    assert found["acc_norm"] == [sample["acc_norm"] for sample in samples]


def ask(ability: Ability, model: Path) -> list[Reply]:
    with backends["hf"].load(model, site=Site()) as lm:
        if not ability.items[0].candidates:
            return lm.generate(
                [item.prompt for item in ability.items],
                max_new_tokens=ability.max_new_tokens,
                stop=ability.stop,
            )
        pairs = [(item.prompt, c) for item in ability.items for c in item.candidates]
        given = iter(lm.likelihoods(pairs))
    return [Reply(likelihoods=tuple(next(given) for _ in i.candidates)) for i in ability.items]


REFUSED = {
    "rolls": ({"output_type": "loglikelihood_rolling", "doc_to_text": ""}, "loglikelihood_rolling"),
    "greedy": ({"output_type": "loglikelihood"}, "what greedy decoding writes"),
    "unsafe": (GSM8K | {"unsafe_code": True}, "run the model's code on this machine unguarded"),
    "f1": (CHOICE | {"metric_list": [{"metric": "f1"}]}, "none of its metrics is a mean"),
    "mutual": (CHOICE | {"metric_list": [{"metric": "acc_mutual_info"}]}, "acc_mutual_info"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_honestly_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    config, reason = REFUSED[name]
    shape = {"doc_to_text": "{{question}}", "doc_to_target": "{{answer}}"}
    with pytest.raises(SpecError, match=f"lm_eval:{name}: .*{reason}") as caught:
        task(write(tmp_path, name, ROWS, shape | config), name)
    assert "\n" not in str(caught.value)


def test_a_task_that_is_not_there_or_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"lm_eval:x: include: there is no folder .*/gone"):
        task(tmp_path / "gone", "x")
    broken = {"dataset_kwargs": {"data_files": {"test": str(tmp_path / "gone.jsonl")}}}
    write(tmp_path, "letters", ROWS, CHOICE | broken)
    with pytest.raises(MissingError, match=r"lm_eval:letters: could not be loaded \(") as caught:
        task(tmp_path, "letters")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_unknown_task_is_told_what_is_called_alike(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no task 'gsm8kk'; there are .*gsm8k") as caught:
        task(tmp_path, "gsm8kk")
    assert len(str(caught.value)) < 400


def test_a_group_is_asked_whole_and_its_tasks_are_clusters(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path, name, ROWS, CHOICE)
    (tmp_path / "both.yaml").write_text(json.dumps({"group": "both", "task": ["one", "two"]}))
    ability = task(tmp_path, "both", limit=2)
    assert [item.id for item in ability.items] == ["one/0", "one/1", "two/0", "two/1"]
    assert [item.cluster for item in ability.items] == ["one", "one", "two", "two"]
    right = (Likelihood(total=-1, tokens=1, characters=1), *[_unlikely()] * 2)
    assert said(ability, [Reply(likelihoods=right)] * 4)["acc"] == [1, 1, 1, 1]
