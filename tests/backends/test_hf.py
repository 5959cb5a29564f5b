from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import sleep

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tiny
from espalier.ability import Message, Prompt
from espalier.backend import backends
from espalier.chat import Chat
from espalier.errors import DataError, EspalierError, MissingError
from espalier.recipe import Recipe
from espalier.step import Site

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from espalier.backends import _linear, _model, _rows, _schedule, _state, _train  # noqa: E402

hf = backends["hf"]


def conversation(number: int, turns: int = 1) -> list[Message]:
    said: list[Message] = []
    for turn in range(turns):
        a, b = number + turn, 7 * number % 13 + 1
        told = " and so on" * (number % 5) + f" {a} + {b} = {a + b} apples"
        said.append({"role": "user", "content": f"Tom has {a} and buys {b}.{' How many?' * turn}"})
        said.append({"role": "assistant", "content": told})
    return said


def compose(path: Path, sources: dict[str, Sequence[Sequence[Message]]]) -> Path:
    names = [name for name, rows in sources.items() for _ in rows]
    rows = [list(row) for found in sources.values() for row in found]
    table = {"source": names, "index": list(range(len(rows))), "messages": rows}
    pq.write_table(pa.table(table), path)
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    long = [conversation(i, turns=3) for i in range(9)]
    return compose(path, {"math": [conversation(i) for i in range(21)], "chat": long})


RECIPE = Recipe(updates=12, batch_size=8, learning_rate=1e-2, warmup=0.25, weight_decay=0.1)


def fit(model: Path, rows: Path, out: Path, recipe: Recipe = RECIPE, **site: object) -> dict:
    return hf.train(
        model=model,
        rows=rows,
        recipe=recipe,
        seed=3,
        out=out,
        site=Site(**site),  # type: ignore[arg-type]
    )


# Learning


def test_training_learns_and_says_what_it_did(base: Path, rows: Path, tmp_path: Path) -> None:
    record = fit(base, rows, tmp_path / "out", Recipe(epochs=10, batch_size=6, learning_rate=1e-2))
    losses = record["losses"]
    assert record["updates"] == 50
    assert losses["last"] < 0.5 * losses["first"]
    assert set(losses["by_source"]) == {"math", "chat"}
    assert record["epochs"] == 10
    assert record["tokens"] == 10 * sum(s["tokens"] for s in record["sources"].values())
    assert record["supervised_tokens"] == 10 * sum(
        s["supervised_tokens"] for s in record["sources"].values()
    )
    assert json.loads(json.dumps(record)) == record


def test_the_result_is_an_ordinary_model_folder(base: Path, rows: Path, tmp_path: Path) -> None:
    fit(base, rows, tmp_path / "out")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert Chat(tmp_path / "out").template == tiny.CHATML
    assert model.config.use_cache
    assert not list((tmp_path / "out").glob(f"*{_state.NAME}*"))
    fit(tmp_path / "out", rows, tmp_path / "next")


def test_the_loss_is_that_of_the_supervised_tokens_alone(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    recipe = Recipe(updates=1, batch_size=30, learning_rate=1e-30)
    record = fit(base, rows, tmp_path / "out", recipe)
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    total, tokens = 0.0, 0
    for row in pq.read_table(rows)["messages"].to_pylist():
        encoded = Chat(base).encode(row, 512)
        with torch.no_grad():
            logits = model(torch.tensor([encoded.ids])).logits[0].double()
        logs = logits.log_softmax(-1)
        for at in range(1, len(encoded.ids)):
            if encoded.supervised[at]:
                total -= logs[at - 1, encoded.ids[at]].item()
                tokens += 1
    assert record["supervised_tokens"] == tokens
    assert record["losses"]["last"] == pytest.approx(total / tokens, abs=1e-5)


@pytest.mark.parametrize("micro_tokens", [1, 150, 600])
def test_micro_batches_change_rounding_only(
    base: Path, rows: Path, tmp_path: Path, micro_tokens: int
) -> None:
    # Adam divides by the gradient's size, which makes noise of gradients that are zero in truth.
    recipe = RECIPE.model_copy(update={"epsilon": 1e-3})
    fit(base, rows, tmp_path / "whole", recipe)
    fit(base, rows, tmp_path / "parts", recipe, micro_tokens=micro_tokens)
    whole, parts = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "parts"))
    moved = load_file(base / "model.safetensors")
    for name, weight in whole.items():
        assert (weight - moved[name]).abs().max() > 1e-3
        torch.testing.assert_close(parts[name], weight, rtol=0, atol=2e-5)


def test_nothing_leaks_between_rows(base: Path, rows: Path) -> None:
    model = _model.open_model(base, torch.device("cpu"), torch.float32)
    data = _rows.read(rows, Chat(base), 512)
    alone = _rows.micro(data, np.array([4]), pad=0)
    among = _rows.micro(data, np.array([25, 4, 3]), pad=9)
    assert among.ids.shape[1] > alone.ids.shape[1] + 20
    losses = []
    for micro, row in ((alone, 0), (among, 1)):
        places, ids = torch.from_numpy(micro.places), torch.from_numpy(micro.ids)
        embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
        logits, _ = _model.logits_at(model, places, inputs_embeds=embedded)
        loss = torch.nn.functional.cross_entropy(
            logits, torch.from_numpy(micro.labels), reduction="none"
        )[torch.from_numpy(micro.places // micro.ids.shape[1] == row)]
        (grad,) = torch.autograd.grad(loss.sum(), embedded)
        losses.append(loss)
        others = [i for i in range(len(ids)) if i != row]
        assert not grad[others].any()
        assert not grad[row, alone.ids.shape[1] :].any()
        assert grad[row, : alone.ids.shape[1] - 1].any()
    torch.testing.assert_close(losses[0], losses[1], rtol=0, atol=1e-5)


def test_gradient_checkpointing_changes_rounding_only(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    plain = fit(base, rows, tmp_path / "plain")
    spared = fit(base, rows, tmp_path / "spared", gradient_checkpointing=True)
    assert spared["losses"]["last"] == pytest.approx(plain["losses"]["last"], abs=1e-4)


def test_bf16_trains_with_fp32_weights(base: Path, rows: Path, tmp_path: Path) -> None:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bf16")
    plain = fit(base, rows, tmp_path / "plain")
    record = fit(base, rows, tmp_path / "b", RECIPE.model_copy(update={"precision": "bf16"}))
    assert load_file(tmp_path / "b/model.safetensors")["model.norm.weight"].dtype == torch.float32
    assert record["losses"]["last"] == pytest.approx(plain["losses"]["last"], abs=0.05)
    assert record["losses"] != plain["losses"]


def test_drop_out_depends_on_the_update_only(rows: Path, tmp_path: Path) -> None:
    model = tiny.model(tmp_path / "base", attention_dropout=0.3)
    one, two = (fit(model, rows, tmp_path / n)["losses"] for n in ("one", "two"))
    assert one == two
    off = tiny.model(tmp_path / "off")
    assert fit(off, rows, tmp_path / "three")["losses"] != one


# Logits where they are wanted


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Llama", {}),
        ("Gemma2", {"final_logit_softcapping": 0.5, "head_dim": 8}),
        ("Cohere", {"logit_scale": 4.0}),
        ("Granite", {"logits_scaling": 5.0}),
        ("GPT2", {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 64, "bos_token_id": 0}),
        ("Qwen3", {"head_dim": 8}),
    ],
)
def test_logits_at_some_places_are_the_models_own(
    kind: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    given |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 60}
    given |= {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0} | options
    config = getattr(transformers, f"{kind}Config")(**given)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    ids = torch.randint(1, 60, (3, 11))
    places = torch.tensor([0, 5, 12, 32])
    want = model(input_ids=ids).logits.flatten(0, 1)[places]
    got, output = _model.logits_at(model, places, input_ids=ids)
    torch.testing.assert_close(got, want)
    assert output.logits.shape[1] == 4  # and no others were computed
    monkeypatch.setattr(_linear, "SMALL", 0)
    _model.speed_up(model)
    torch.testing.assert_close(_model.logits_at(model, places, input_ids=ids)[0], want)


def test_a_model_without_an_output_layer_is_read_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = transformers.LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=48, num_hidden_layers=1
    )
    model = transformers.LlamaForCausalLM(config)
    ids, places = torch.randint(1, 60, (3, 11)), torch.tensor([1, 20])
    want = model(input_ids=ids).logits.flatten(0, 1)[places]
    monkeypatch.setattr(model, "get_output_embeddings", lambda: None)
    torch.testing.assert_close(_model.logits_at(model, places, input_ids=ids)[0], want)


def test_fast_linear_layers_compute_what_plain_ones_do() -> None:
    torch.manual_seed(0)
    for bias in (True, False):
        plain, fast = torch.nn.Linear(128, 144, bias=bias), torch.nn.Linear(128, 144, bias=bias)
        fast.load_state_dict(plain.state_dict())
        _model.speed_up(fast)
        assert type(fast) is not torch.nn.Linear
        given = torch.randn(3, 7, 128)
        results = []
        for layer in (plain, fast):
            x = given.clone().requires_grad_()
            layer(x).pow(2).sum().backward()
            results.append([layer(x), x.grad, *(p.grad for p in layer.parameters())])
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)


def test_small_linear_layers_stay_plain() -> None:
    layer = torch.nn.Linear(64, 512)
    _model.speed_up(layer)
    assert type(layer) is torch.nn.Linear


# Order


def test_every_pass_has_every_row_once_in_a_fresh_order() -> None:
    drawn = np.concatenate([_rows.draw(10, 4, seed=1, update=u) for u in range(5)])
    first, second = drawn[:10], drawn[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)
    assert list(drawn[:10]) != list(_rows.shuffle(10, seed=2, number=0))


def test_the_order_of_rows_stays_what_it_was() -> None:
    assert _rows.shuffle(8, seed=1, number=2).tolist() == [4, 2, 0, 6, 1, 5, 7, 3]


def test_micro_batches_are_the_cheapest() -> None:
    lengths = [9, 3, 8, 3, 1, 9]

    def cost(groups: list[list[int]]) -> int:
        return sum(len(g) * max(lengths[i] for i in g) + 4 for g in groups)

    best = _rows.split(lengths, most=30, overhead=4)
    assert sorted(i for g in best for i in g) == list(range(6))
    assert best == [[0, 5, 2], [1, 3, 4]]
    assert cost(best) < cost([[0, 5], [2], [1, 3, 4]])
    assert all(
        len(g) * max(lengths[i] for i in g) <= 16 for g in _rows.split(lengths, most=16, overhead=4)
    )
    assert _rows.split([50], most=16, overhead=4) == [[0]]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_learning_rate_rises_and_falls_to_its_floor(schedule: str) -> None:
    recipe = Recipe(learning_rate=2.0, warmup=0.1, floor=0.25, schedule=schedule)  # type: ignore[arg-type]
    rates = [_schedule.rate(recipe, u, 1000) for u in range(1000)]
    assert 0 < rates[0] < 0.1
    assert rates[:100] == sorted(rates[:100])
    assert rates[100] == max(rates) == 2.0
    assert rates[-1] == pytest.approx(2.0 if schedule == "constant" else 0.5, abs=0.01)


def test_norms_and_biases_are_not_decayed(base: Path) -> None:
    model = _model.open_model(base, torch.device("cpu"), torch.float32)
    decayed, spared = _train._optimizer(model, RECIPE).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    norms = {p for n, p in model.named_parameters() if "norm" in n}
    assert set(spared["params"]) == norms


# Going on after a kill


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


class Killed(BaseException):
    pass


@pytest.mark.parametrize("attempt", range(3))
def test_a_killed_stage_goes_on_bit_identically(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    whole = fit(base, rows, tmp_path / "whole")
    kills = sorted(random.Random(attempt).sample(range(12), 2))
    learn = _train._Loop._update

    def update(loop: _train._Loop, number: int) -> object:
        if kills and number == kills[0]:
            kills.pop(0)
            raise Killed
        return learn(loop, number)

    monkeypatch.setattr(_train._Loop, "_update", update)
    for _ in range(2):
        with pytest.raises(Killed):
            fit(base, rows, tmp_path / "killed", checkpoint_seconds=0.0)
    killed = fit(base, rows, tmp_path / "killed")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert {k: v for k, v in killed.items() if k != "cost"} == {
        k: v for k, v in whole.items() if k != "cost"
    }


@pytest.mark.slow
def test_a_process_killed_at_any_moment_goes_on_bit_identically(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from espalier.backends.hf import hf\n"
        "from espalier.recipe import Recipe; from espalier.step import Site\n"
        "model, rows, out = map(Path, sys.argv[1:])\n"
        "hf.train(model=model, rows=rows, recipe=Recipe(updates=60, batch_size=8), seed=3,\n"
        "         out=out, site=Site(checkpoint_seconds=0.0, progress=out.parent / 'shown.json'))\n"
    )

    def start(out: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code, str(base), str(rows), str(out)]
        return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})

    assert start(tmp_path / "whole").wait() == 0
    process = start(tmp_path / "killed")
    while not (tmp_path / "killed" / _state.NAME).exists():
        assert process.poll() is None
        sleep(0.01)
    sleep(random.Random().uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert start(tmp_path / "killed").wait() == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_a_state_of_another_run_is_left_alone(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_state, "clear", lambda _: None)
    other = RECIPE.model_copy(update={"learning_rate": 1e-3})
    fit(base, rows, tmp_path / "out", other, checkpoint_seconds=0.0)
    assert (tmp_path / "out" / _state.NAME).exists()
    fit(base, rows, tmp_path / "out")
    fit(base, rows, tmp_path / "fresh")
    name = "model.safetensors"
    assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_a_broken_state_is_no_state(base: Path, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / _state.NAME).write_bytes(b"half a file")
    assert fit(base, rows, tmp_path / "out")["updates"] == 12


def test_progress_is_shown(base: Path, rows: Path, tmp_path: Path) -> None:
    fit(base, rows, tmp_path / "out", progress=tmp_path / "shown.json")
    shown = json.loads((tmp_path / "shown.json").read_text())
    assert (shown["update"], shown["updates"]) == (12, 12)
    assert set(shown) >= {"loss", "tokens_per_s", "supervised_tokens", "elapsed"}


# The audit


def test_the_audit_counts_what_each_source_brings(base: Path, tmp_path: Path) -> None:
    unanswered: list[Message] = [{"role": "user", "content": "Anyone?"}]
    long: list[Message] = [{"role": "user", "content": "why " * 60}, conversation(1)[1]]
    rows = compose(
        tmp_path / "rows.parquet",
        {"good": [conversation(1), conversation(2)], "odd": [unanswered, long, conversation(3)]},
    )
    record = fit(base, rows, tmp_path / "out", RECIPE.model_copy(update={"max_length": 96}))
    good, odd = record["sources"]["good"], record["sources"]["odd"]
    assert good == {
        "rows": 2,
        "tokens": sum(len(Chat(base).encode(conversation(i), 96).ids) for i in (1, 2)),
        "supervised_tokens": sum(
            sum(Chat(base).encode(conversation(i), 96).supervised) for i in (1, 2)
        ),
        "truncated": 0,
        "dropped": 0,
    }
    assert (odd["rows"], odd["truncated"], odd["dropped"]) == (3, 1, 2)


# Refusals


def test_an_empty_stage_is_refused(base: Path, tmp_path: Path) -> None:
    schema = pq.read_schema(compose(tmp_path / "some.parquet", {"a": [conversation(1)]}))
    pq.write_table(schema.empty_table(), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="no rows"):
        fit(base, tmp_path / "rows.parquet", tmp_path / "out")


def test_rows_without_an_answer_are_refused(base: Path, tmp_path: Path) -> None:
    rows = compose(tmp_path / "rows.parquet", {"a": [conversation(1)[:1]]})
    with pytest.raises(DataError, match="none of the 1 rows has a supervised token"):
        fit(base, rows, tmp_path / "out")


def test_a_diverged_loss_is_refused_with_its_update(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = _train._Loop._update

    def update(loop: _train._Loop, number: int) -> torch.Tensor:
        return learn(loop, number) * (float("nan") if number == 4 else 1)

    monkeypatch.setattr(_train._Loop, "_update", update)
    with pytest.raises(EspalierError, match="loss of update 5 of 12 is not a number"):
        fit(base, rows, tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists()


def spoil(folder: Path, what: str) -> None:
    weights = folder / "model.safetensors"
    if what == "config":
        (folder / "config.json").unlink()
    elif what == "weights":
        weights.unlink()
    elif what == "pickle":
        weights.rename(folder / "pytorch_model.bin")
    elif what == "kind":
        (folder / "config.json").write_text('{"model_type": "no_such_model"}')
    elif what == "lacking":
        tensors = load_file(weights)
        del tensors["model.layers.1.mlp.up_proj.weight"]
        save_file(tensors, weights, metadata={"format": "pt"})
    elif what == "vocabulary":
        tiny.model(folder, vocab_size=100)


@pytest.mark.parametrize(
    ("what", "say"),
    [
        ("config", "no config.json"),
        ("weights", "no weights"),
        ("pickle", "convert them to safetensors"),
        ("kind", "not a causal LM that can be opened"),
        ("lacking", "lack 1 tensors the model needs"),
        ("vocabulary", "do not belong together"),
    ],
)
def test_a_broken_model_folder_is_refused(rows: Path, tmp_path: Path, what: str, say: str) -> None:
    model = tiny.model(tmp_path / "model")
    spoil(model, what)
    with pytest.raises(MissingError, match=say) as refusal:
        fit(model, rows, tmp_path / "out")
    assert "\n" not in str(refusal.value)


def test_a_device_that_is_not_there_is_refused(base: Path, rows: Path, tmp_path: Path) -> None:
    with pytest.raises(EspalierError, match=r"site\.device: cannot use 'cuda:77'"):
        fit(base, rows, tmp_path / "out", device="cuda:77")


def test_bf16_is_refused_where_it_is_missing(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(EspalierError, match="set precision: fp32"):
        fit(base, rows, tmp_path / "out", RECIPE.model_copy(update={"precision": "bf16"}))


# Asking

PROMPTS: list[Prompt] = [
    tuple(conversation(3)[:1]),
    "Tom has 12 apples and",
    tuple(conversation(8, turns=2)[:3]),
    "",
    "def add(first, second):\n    return",
    tuple(conversation(5)[:1]),
]


@pytest.fixture(scope="module")
def tuned(base: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned")
    fit(base, rows, out, Recipe(updates=60, batch_size=10, learning_rate=1e-2))
    return out


def theirs(folder: Path, prompt: Prompt, new: int) -> str:
    """Answer one prompt by transformers' own generate."""
    model, chat = transformers.AutoModelForCausalLM.from_pretrained(folder), Chat(folder)
    ids = torch.tensor([chat.prompt(prompt)])
    made = model.generate(
        ids, max_new_tokens=new, do_sample=False, eos_token_id=sorted(chat.end_ids), pad_token_id=0
    )
    return chat.decode(made[0, ids.shape[1] :].tolist())


def test_replies_are_those_of_generate_whatever_the_batch(tuned: Path) -> None:
    want = [theirs(tuned, prompt, 40) for prompt in PROMPTS]
    for micro_tokens in (1, 400, 16_384):
        with hf.load(tuned, site=Site(micro_tokens=micro_tokens)) as lm:
            replies = lm.generate(PROMPTS, max_new_tokens=40)
        assert [r.text for r in replies] == want
    assert len({r.finished for r in replies}) == 2  # some rows left the batch before others


def test_a_reply_ends_at_its_end_token_or_is_unfinished(tuned: Path) -> None:
    with hf.load(tuned, site=Site()) as lm:
        (whole,) = lm.generate(PROMPTS[:1], max_new_tokens=60)
        (cut,) = lm.generate(PROMPTS[:1], max_new_tokens=3)
    assert whole.finished
    assert "<|im_end|>" not in (whole.text or "")
    assert not cut.finished
    assert (whole.text or "").startswith(cut.text or "-")


def test_a_stop_string_ends_a_reply_and_is_left_out(tuned: Path) -> None:
    with hf.load(tuned, site=Site()) as lm:
        (whole,) = lm.generate(PROMPTS[:1], max_new_tokens=60)
        assert "apples" in (whole.text or "")
        (stopped,) = lm.generate(PROMPTS[:1], max_new_tokens=60, stop=["pples"])
    assert stopped.text == (whole.text or "").partition("pples")[0]
    assert stopped.finished


def test_a_prompt_longer_than_the_context_loses_its_beginning(tuned: Path) -> None:
    long = "apples and " * 400 + "Tom has 12"
    with hf.load(tuned, site=Site()) as lm:
        replies = lm.generate([long, "Tom"], max_new_tokens=20)
        ids = lm.chat.prompt(long)[-(512 - 20) :]  # type: ignore[attr-defined]
        assert lm.cut == 1  # type: ignore[attr-defined]
        lm.likelihoods([(long, " apples")])
        assert lm.cut == 2  # type: ignore[attr-defined]
    assert replies[0].text == theirs(tuned, Chat(tuned).decode(ids), 20)


def test_models_with_a_state_instead_of_a_cache_can_be_asked(tmp_path: Path) -> None:
    folder = tiny.model(tmp_path / "model")
    config = transformers.MambaConfig(
        vocab_size=320, hidden_size=32, num_hidden_layers=2, state_size=4, pad_token_id=0
    )
    torch.manual_seed(0)
    transformers.MambaForCausalLM(config).save_pretrained(folder)
    with hf.load(folder, site=Site()) as lm:
        replies = lm.generate(PROMPTS[:3], max_new_tokens=8)
    assert [r.text for r in replies] == [theirs(folder, p, 8) for p in PROMPTS[:3]]


def test_likelihoods_are_the_models_own_whatever_the_batch(tuned: Path) -> None:
    pairs = [(p, reply) for p in PROMPTS for reply in (" 19 apples", "7", " and so on and so on")]
    model, chat = transformers.AutoModelForCausalLM.from_pretrained(tuned), Chat(tuned)
    for micro_tokens in (1, 300, 16_384):
        with hf.load(tuned, site=Site(micro_tokens=micro_tokens)) as lm:
            found = lm.likelihoods(pairs)
        for (prompt, reply), likelihood in zip(pairs, found, strict=True):
            pair = chat.pair(prompt, reply)
            with torch.no_grad():
                logs = model(torch.tensor([pair.ids])).logits[0].double().log_softmax(-1)
            at = [i for i, s in enumerate(pair.supervised) if s]
            want = sum(logs[i - 1, pair.ids[i]].item() for i in at)
            assert likelihood.total == pytest.approx(want, abs=1e-4)
            first = logs[at[0] - 1, pair.ids[at[0]]].item()
            assert likelihood.first == pytest.approx(first, abs=1e-4)
            assert likelihood.tokens == len(at)
            assert likelihood.characters == len(reply)


def test_nothing_asked_is_nothing_answered(tuned: Path) -> None:
    with hf.load(tuned, site=Site()) as lm:
        assert lm.generate([], max_new_tokens=5) == []
        assert lm.likelihoods([]) == []
        assert lm.likelihoods([("", "")])[0].total == 0


def test_a_model_kept_on_the_way_is_that_of_a_shorter_training_and_survives_kills(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.model_copy(update={"schedule": "constant", "warmup": 0.0})
    whole = fit(base, rows, tmp_path / "whole", recipe)
    short = fit(base, rows, tmp_path / "short", recipe.model_copy(update={"updates": 5}))
    kills, learn = [3, 8], _train._Loop._update

    def update(loop: _train._Loop, number: int) -> object:
        if kills and number == kills[0]:
            kills.pop(0)
            raise Killed
        return learn(loop, number)

    def keeping() -> dict:
        site = Site(checkpoint_seconds=0.0)
        out = tmp_path / "keeping"
        return hf.train(
            model=base, rows=rows, recipe=recipe, seed=3, out=out, site=site, keep=(5, 10)
        )

    monkeypatch.setattr(_train._Loop, "_update", update)
    for _ in range(2):
        with pytest.raises(Killed):
            keeping()
    record = keeping()
    weights = {
        where: (tmp_path / where / "model.safetensors").read_bytes()
        for where in ("whole", "short", "keeping", "keeping/kept/0000005")
    }
    assert weights["keeping"] == weights["whole"]
    assert weights["keeping/kept/0000005"] == weights["short"]
    assert weights["short"] != weights["whole"]
    assert record["kept"]["5"] == short["supervised_tokens"]
    assert {n: v for n, v in record.items() if n not in ("kept", "cost")} == {
        n: v for n, v in whole.items() if n != "cost"
    }
    assert Chat(tmp_path / "keeping/kept/0000010").template == tiny.CHATML
