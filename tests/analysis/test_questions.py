"""Each question, put to simulated studies whose answer is known."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from espalier.analysis import _reasons as reasons
from espalier.analysis import analyses, analyze
from espalier.analysis._curves import choose, fit, grids
from espalier.analysis._draft import Draft, decide, signed
from espalier.analysis._evidence import Effect, collect, middle, told
from espalier.errors import DataError
from espalier.finding import VERDICTS, Finding
from espalier.results import REQUIRED, Origin, read, tidy, write
from simulate import AMOUNTS, KS, Cell, grid, nothing, only_growth, table


def study(cells, truth, *, seed=0, abilities=("math", "code", "general"), sources=(), **options):
    """Return the findings of one simulated study."""
    random = np.random.default_rng(seed)
    frame = table(list(cells), truth, random, abilities=abilities, **options)
    return analyze(tidy(frame, sources=sources))


def alone(ability="math", amounts=AMOUNTS, model="small"):
    return [Cell(model=model, amounts={ability: n}) for n in amounts]


def only(findings, kind, **facts):
    found = list(findings.of(kind, **facts))
    assert len(found) == 1
    return found[0]


WIDE = (16, 64, 256, 1024, 4096, 16384, 65536)


def test_no_effect_at_all_gives_no_verdict_of_an_effect():
    findings = study(grid(), nothing)
    verdicts = {f.verdict for f in findings.findings}
    assert verdicts <= {"tied", "keeps", "neither", "resists", "undecided"}


def test_scores_that_are_all_nothing_are_not_called_scores_of_one_seed():
    random = np.random.default_rng(0)
    cells = [Cell(model="small", amounts=a) for a in ({"math": 64}, {"math": 64, "code": 64})]
    frame = table(cells, nothing, random, abilities=("math",), seeds=3)
    findings = analyze(tidy(frame.assign(score=0.0, stderr=0.0)))
    mixing = only(findings, "mixing", of="difference")
    assert mixing.seeds == 3
    assert mixing.why == reasons.ALIKE
    assert not any("single seeds" in claim.because for claim in findings.claims)
    assert Effect(value=0.0, variance=None, noise="items only", seeds=3).why == reasons.ALL_ALIKE


def test_every_verdict_is_one_of_its_kind_and_every_kind_is_asked():
    findings = study(grid(), crossing)
    assert all(f.verdict in VERDICTS[f.kind] for f in findings.findings)
    assert set(analyses) == set(VERDICTS)


def test_a_straight_line_grows_and_its_slope_is_in_the_interval():
    findings = study(alone(), lambda c, a: 0.2 + 0.03 * np.log2(c.amounts.get("math", 1) / 64))
    growth = only(findings, "growth")
    assert growth.verdict == "grows"
    assert growth["form"] == "log-linear"
    assert growth.interval[0] < 0.03 < growth.interval[1]
    assert abs(growth["out_of_sample_error"]) < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_plateau_is_found_within_its_interval(seed):
    def truth(cell, ability):
        return 0.2 + 0.06 * np.log2(min(cell.amounts["math"], 1024) / 16)

    growth = only(study(alone(amounts=WIDE), truth, seed=seed, abilities=("math",)), "growth")
    assert growth.verdict == "plateaus"
    low, high = growth["plateau_interval"]
    assert low <= 1024 <= high


def test_a_rise_that_ends_within_the_amounts_is_a_plateau_also_when_soft():
    def truth(cell, ability):
        return 0.7 - 0.5 * (cell.amounts["math"] / 16) ** -0.8

    growth = only(study(alone(amounts=WIDE), truth, abilities=("math",)), "growth")
    assert growth.verdict == "plateaus"
    low, high = growth["plateau_interval"]
    assert low <= 16 * 20 ** (1 / 0.8) <= high


def test_a_loss_that_falls_grows_and_its_estimate_is_negative():
    frame = table(alone(), only_growth, np.random.default_rng(0), abilities=("math",), items=0)
    frame = frame.assign(score=2 - frame["score"], metric="nll", higher_is_better=False)
    growth = only(analyze(tidy(frame)), "growth")
    assert growth.verdict == "grows"
    assert growth.estimate < 0


def test_a_source_alone_at_few_amounts_gives_way_to_mixtures_of_more():
    def design(single, together):
        cells = alone(amounts=AMOUNTS[:single])
        cells += [Cell(model="small", amounts={"math": n, "code": n}) for n in AMOUNTS[:together]]
        found = only(study(cells, only_growth, abilities=("math",)), "growth")
        return found["design"], len(found["points"])

    assert design(2, 5) == ("together", 5)
    assert design(4, 5) == ("single", 4)
    assert design(2, 2) == ("single", 2)
    assert design(1, 2) == ("together", 2)
    assert design(2, 1) == ("single", 2)


@pytest.mark.parametrize("most", [0.25, 0.35], ids=["to chance", "above it"])
def test_what_rises_only_to_guessing_resists(most):
    frame = table(
        alone(amounts=WIDE),
        lambda c, a: min(0.02 * np.log2(c.amounts["math"]), most),
        np.random.default_rng(0),
        abilities=("math",),
        items=1319,
    )
    growth = only(analyze(tidy(frame.assign(chance=0.25))), "growth")
    blind = only(analyze(tidy(frame)), "growth")
    assert blind.verdict in ("grows", "plateaus")
    assert growth.verdict == ("resists" if most == 0.25 else blind.verdict)
    assert ("guessing" in growth.why) == (most == 0.25)


def test_an_ability_that_only_learns_to_guess_resists_also_in_the_claim():
    def truth(cell, ability):
        return min(0.03 * np.log2(max(cell.amounts.values())), 0.25 if ability == "math" else 1)

    cells = [Cell(model="small", amounts={"math": n, "code": n}) for n in WIDE]
    abilities = ("math", "code")
    frame = table(cells, truth, np.random.default_rng(0), abilities=abilities, items=1319)
    for chance, verdict in ((0.25, "holds"), (np.nan, "fails")):
        told = analyze(tidy(frame.assign(chance=chance)))
        assert next(c for c in told.claims if c.id == "song2023.1").verdict == verdict


def test_harm_by_its_own_data_falls():
    findings = study(
        alone(), lambda c, a: 0.8 - 0.04 * np.log2(c.amounts["math"] / 64), abilities=("math",)
    )
    assert only(findings, "growth").verdict == "falls"


@pytest.mark.parametrize("loss", [False, True])
def test_no_point_of_a_curve_has_an_interval_where_its_metric_cannot_be(loss):
    def rare(cell, ability):
        return 0.01 if cell.amounts["math"] < 1024 else 0.99

    frame = table(alone(), rare, np.random.default_rng(0), abilities=("math",), items=20)
    if loss:
        frame = frame.assign(score=3 * (1 - frame["score"]), metric="nll", higher_is_better=False)
    growth = only(analyze(tidy(frame)), "growth")
    lows, highs = zip(*(point["interval"] for point in growth["points"]), strict=True)
    assert min(lows) == 0.0
    assert max(highs) == 1.0 if not loss else max(highs) > 3.0


def test_no_adjusted_p_is_below_its_own_and_the_line_is_the_verdicts():
    def many(cell, ability):
        return crossing(cell, ability) - 0.2 * (cell.strategy == "sequential")

    findings = [f for f in study(grid(), many).findings if f.p_adjusted is not None]
    assert len(findings) > 20
    none = {"tied", "keeps", "neither", "resists", "undecided", "does not follow"}
    for f in findings:
        assert f.p_adjusted >= f.p
        if f.kind in ("growth", "mixing", "strategy", "forgetting", "factors", "exchange"):
            named = f.verdict not in none or (f.kind, f.verdict) == ("factors", "undecided")
            assert named == (f.p_adjusted <= 0.05)


def test_what_alone_would_show_nothing_shows_nothing_beside_many_effects():
    found = {"kind": "mixing", "ability": "math", "model": "s", "metric": "accuracy"}
    found |= {"estimate": 1.0, "interval": None, "verdict": "undecided", "rows": ()}
    effect = Effect(value=1.0, variance=1.0)
    drafts = [
        Draft(
            finding=Finding(**found, p=p),
            tests={"effect": p},
            verdict=signed(effect, 1, "helps", "hurts", "tied"),
        )
        for p in (*[1e-6] * 9, 0.07)
    ]
    *clear, last = decide(drafts)
    assert {f.verdict for f in clear} == {"helps"}
    assert (last.verdict, last.p_adjusted) == ("tied", 0.07)


def test_one_amount_is_no_growth_and_says_so():
    growth = only(study(alone(amounts=(64,)), only_growth, abilities=("math",)), "growth")
    assert (growth.verdict, growth.estimate, growth.interval) == ("undecided", None, None)
    assert "one amount" in growth.why


def crossing(cell, ability):
    """Help below 1024 own rows and harm above, in mixtures."""
    own = cell.amounts.get(ability, 1)
    harm = 0.03 * np.log2(1024 / own) if len(cell.amounts) > 1 else 0.0
    return 0.3 + 0.02 * np.log2(own / 64) + harm


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_crossover_is_found_within_its_interval(seed):
    findings = study(grid(base=False), crossing, seed=seed)
    for ability in ("math", "code", "general"):
        cross = only(findings, "mixing", of="crossover", ability=ability, model="small")
        assert cross.interval[0] <= 1024 <= cross.interval[1]
        assert 256 <= cross.estimate <= 4096
        by_amount = findings.of("mixing", of="difference", ability=ability, model="small")
        verdicts = {f["amount"]: f.verdict for f in by_amount}
        assert (verdicts[64], verdicts[16384]) == ("helps", "hurts")


def test_sequential_training_that_loses_skill_forgets():
    def truth(cell, ability):
        lost = cell.strategy == "sequential" and cell.stage == 3 and ability == "math"
        return 0.5 - 0.2 * lost

    findings = study(grid(), truth)
    lost = [f for f in findings.of("forgetting") if f.verdict == "forgets"]
    assert {(f.ability, f["strategy"]) for f in lost} == {("math", "sequential")}
    for finding in lost:
        assert finding["backward_transfer"] == finding.estimate
        assert finding.interval[0] < -0.2 < finding.interval[1]


def test_a_planted_best_k_is_found_within_its_interval_in_nearly_every_study():
    def truth(cell, ability):
        k = cell.k if cell.strategy == "dmt" else 1.0
        return 0.6 - 0.02 * (np.log2(k) + 4) ** 2 / 4

    cells = list(grid(models=("small",), amounts=(4096,)))
    held = []
    for seed in range(10):
        findings = study(cells, truth, seed=seed)
        found = findings.of("strategy", ability="overall")
        best = next(f for f in found if f["strategy"] == "dmt")
        low, high = best["best_k_interval"]
        held.append(low <= 1 / 16 <= high)
        assert min(KS) <= low <= best["best_k"] <= high <= max(KS)
        assert high / low < 64
    assert sum(held) >= 8


def test_a_better_strategy_is_better_per_ability_and_overall_and_ranks_first():
    findings = study(
        grid(models=("small",)), lambda c, a: 0.5 + 0.1 * (c.strategy == "mixed_sequential")
    )
    for ability in ("math", "overall"):
        best = only(findings, "strategy", ability=ability, strategy="mixed_sequential")
        assert (best.verdict, best["rank"], best["against"]) == ("better", 1, "multitask")
        assert best["rank_probability"] > 0.95


def test_the_front_of_specialised_against_general_is_told_with_its_probability():
    def truth(cell, ability):
        shift = {"sequential": (0.0, 0.2), "mixed_sequential": (-0.1, -0.1)}.get(cell.strategy)
        special, general = shift or (0.1, 0.0)
        return 0.5 + (general if ability == "general" else special)

    findings = study(grid(models=("small",)), truth)
    places = {f["label"]: f["place"] for f in findings.of("strategy", ability="overall")}
    assert places["sequential"]["on_front"]
    assert places["sequential"]["front_probability"] > 0.95
    assert places["mixed_sequential"]["front_probability"] < 0.05
    assert not places["mixed_sequential"]["on_front"]
    assert places["sequential"]["general"] > places["dmt k=1"]["general"]
    assert not any("place" in f.facts for f in findings.of("strategy", ability="math"))


def test_every_pair_of_strategies_is_compared_with_its_own_interval():
    findings = study(grid(models=("small",)), lambda c, a: 0.5 + 0.2 * (c.k == 1))
    best = only(findings, "strategy", ability="math", label="dmt k=1")
    assert {p["against"] for p in best["pairs"]} == {
        *("sequential", "mixed_sequential"),
        *("dmt k=1/4", "dmt k=1/16", "dmt k=1/64", "dmt k=1/256"),
    }
    assert all(p["interval"][0] < 0.2 < p["interval"][1] and p["p"] < 0.01 for p in best["pairs"])


GENERAL = (Origin(name="plain", ability="general"), Origin(name="clean", ability="general"))


def built(change, *, names=("", "")):
    """Return the constructions of a study of two mixtures, of which the second is better."""
    first = {"math": 512, "plain": 256}
    second = {
        "exchanged": {"math": 512, "clean": 256},
        "added": first | {"code": 64},
        "rebuilt": {"math": 256, "plain": 512},
    }[change]
    cells = [Cell(model="small", amounts=a) for a in (first, second)]
    frame = table(
        cells, lambda c, a: 0.4 + 0.2 * (c.amounts == second), np.random.default_rng(0), seeds=5
    )
    frame["design"] = [names[json.loads(a) == second] for a in frame["amounts"]]
    return list(analyze(tidy(frame, sources=GENERAL)).of("mixing", of="construction"))


@pytest.mark.parametrize("change", ["exchanged", "added"])
def test_a_mixture_of_another_make_is_compared_with_the_one_it_was_made_from(change):
    found = built(change)
    assert {f.ability for f in found} == {"math", "code", "general"}
    for f in found:
        assert (f["change"], f.verdict) == (change, "helps")
        assert f["source"] == {"exchanged": "clean", "added": "code"}[change]
        assert f.interval[0] < 0.2 < f.interval[1]


def test_mixtures_of_the_same_sources_are_compared_only_where_the_table_names_them():
    assert not built("rebuilt")
    found = built("rebuilt", names=("baseline", "tailored"))
    assert {(f["name"], f["against"], f.verdict) for f in found} == {
        ("tailored", "baseline", "helps")
    }
    assert all(f["equal_size"] and not f["nested"] for f in found)


def factorial():
    amounts = (64, 256, 1024, 4096)
    yield from (Cell(model="small", amounts={"math": n}) for n in amounts)
    for own in amounts:
        for other in amounts:
            yield Cell(model="small", amounts={"math": own, "general": other})


def by_amount(cell, ability):
    other = cell.amounts.get("general")
    return 0.5 + (0.03 * np.log2(other / 64) if other else 0.0)


def by_ratio(cell, ability):
    other = cell.amounts.get("general")
    return 0.5 + (0.03 * np.log2(other / cell.amounts["math"]) if other else 0.0)


@pytest.mark.parametrize(("truth", "verdict"), [(by_amount, "amount"), (by_ratio, "ratio")])
def test_amount_and_ratio_are_told_apart_where_they_are_separable(truth, verdict):
    factors = only(study(factorial(), truth, abilities=("math",)), "factors")
    assert factors.verdict == verdict
    moved, still = (
        (factors["amount"], factors["ratio"])
        if verdict == "amount"
        else (factors["ratio"], factors["amount"])
    )
    assert moved["interval"][0] < 0.03 < moved["interval"][1]
    assert moved["share"] > still["share"]


def test_amount_and_ratio_that_move_together_are_refused():
    cells = [Cell(model="small", amounts={"math": 1024})]
    cells += [Cell(model="small", amounts={"math": 1024, "general": n}) for n in AMOUNTS]
    factors = only(study(cells, by_ratio, abilities=("math",)), "factors")
    assert factors.verdict == "undecided"
    assert "confounded" in factors.why


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_exchange_rate_is_found_within_its_interval(seed):
    cells = [*alone("human", WIDE), *alone("synthetic", WIDE)]

    def truth(cell, ability):
        worth = cell.amounts.get("human", 0) + cell.amounts.get("synthetic", 0) / 4
        return 0.1 + 0.05 * np.log2(worth)

    sources = [
        Origin(name="human", ability="math"),
        Origin(name="synthetic", ability="math", origin="synthetic"),
    ]
    findings = study(cells, truth, seed=seed, abilities=("math",), sources=sources)
    rate = only(findings, "exchange")
    assert rate.verdict == "human better"
    assert rate.interval[0] <= 4 <= rate.interval[1]
    assert {r["amount"] for r in rate["rates"]} == set(WIDE)


def test_rows_of_several_abilities_have_a_rate_in_each_beside_that_of_rows_alone():
    abilities = ("math", "code")
    made = [f"{a}_made" for a in abilities]
    cells = [Cell(model="small", amounts=dict.fromkeys(abilities, n)) for n in WIDE]
    cells += [Cell(model="small", amounts=dict.fromkeys(made, n)) for n in WIDE]
    cells += [*alone("math", WIDE), *alone("math_made", WIDE)]

    def truth(cell, ability):
        poor = 8 if len(cell.amounts) == 1 else 4
        worth = cell.amounts.get(ability, 0) + cell.amounts.get(f"{ability}_made", 0) / poor
        return 0.1 + 0.05 * np.log2(max(worth, 1))

    sources = [Origin(name=n, ability=n[:4], origin="synthetic") for n in made]
    found = tuple(study(cells, truth, abilities=abilities, sources=sources).of("exchange"))
    rates = {(f.ability, *f["beside"]): f.interval for f in found}
    assert rates.keys() == {("math",), ("math", "code"), ("code", "math")}
    for (_, *beside), (low, high) in rates.items():
        assert low <= (4 if beside else 8) <= high
    assert {f.verdict for f in found} == {"human better"}


@pytest.mark.parametrize("loss", [False, True])
def test_a_ceiling_that_noise_may_lift_away_ends_where_the_metric_does(loss):
    sources = [Origin(name="made", ability="math", origin="synthetic")]
    for seed in range(12):
        frame = table(
            [*alone(), *alone("made")],
            lambda c, a: 0.9 / (1 + np.exp(7 - 0.7 * np.log2(sum(c.amounts.values())))),
            np.random.default_rng(seed),
            abilities=("math",),
            items=25,
        )
        if loss:
            frame = frame.assign(
                score=2 * (1 - frame["score"]), stderr=0.3, metric="nll", higher_is_better=False
            )
        f = only(analyze(tidy(frame, sources=sources)), "exchange")
        if f["ceiling_interval"] is not None:
            low, high = f["ceiling_interval"]
            assert 0 <= low <= high <= (np.inf if loss else 1)
            assert np.isfinite(high)


def test_a_mixture_is_known_by_its_name_though_another_model_trained_it_without():
    cells = [
        Cell(model=model, amounts=amounts)
        for model in ("large", "small")
        for amounts in ({"math": 256, "code": 256}, {"math": 500, "code": 12})
    ]
    frame = table(cells, nothing, np.random.default_rng(0))
    named = frame["amounts"].map(lambda a: "baseline" if "256" in a else "reconstruct")
    frame["design"] = named.mask(frame["model"] == "large", "together")
    found = analyze(tidy(frame)).of("mixing", of="construction")
    assert {(f.model, f["name"], f["against"]) for f in found} >= {
        ("small", "reconstruct", "baseline")
    }


def test_synthetic_rows_of_several_kinds_that_join_a_named_mixture_are_held_against_it():
    people = {"math": 256, "code": 256}
    made = {
        f"mix-{n}": people | ({"math_made": n, "code_made": n} if n else {}) for n in (0, 64, 512)
    }
    cells = [Cell(model="small", amounts=amounts) for amounts in made.values()]

    def truth(cell, ability):
        return 0.5 - 0.2 * (cell.amounts.get("math_made") == 512)

    sources = [Origin(name=f"{a}_made", ability=a, origin="synthetic") for a in people]
    frame = table(cells, truth, np.random.default_rng(0), seeds=5)
    frame["design"] = [
        next(n for n, amounts in made.items() if amounts == json.loads(a)) for a in frame["amounts"]
    ]
    told = analyze(tidy(frame, sources=sources))
    added = [f for f in told.of("mixing", of="construction") if f["change"] == "added"]
    by_name = {(f["name"], f["against"]): f.verdict for f in added if f.ability == "math"}
    assert by_name == {("mix-64", "mix-0"): "tied", ("mix-512", "mix-0"): "hurts"}
    assert all(f["origins"] == ["synthetic"] and f["source"] is None for f in added)
    claim = next(c for c in told.claims if c.id == "song2023.5")
    assert claim.verdict == "holds"


def test_size_grows_and_an_inversion_is_named():
    worse = {"small": 0.6, "large": 0.4}
    findings = study(grid(), lambda c, a: worse[c.model] if a == "math" else 0.9 - worse[c.model])
    verdicts = {f.ability: f.verdict for f in findings.of("size")}
    assert verdicts == {"math": "inverts", "code": "grows", "general": "grows"}
    inverted = only(findings, "size", ability="math")["inversions"]
    assert (inverted[0]["larger"], inverted[0]["smaller"]) == ("large", "small")


def test_an_out_of_domain_ability_that_moves_with_the_others_follows():
    def truth(cell, ability):
        return 0.3 + 0.02 * np.log2(sum(cell.amounts.values()) / 16)

    cells = [Cell(model="small", amounts={a: n}) for a in ("math", "code") for n in AMOUNTS]
    findings = study(cells, truth, abilities=("math", "code", "exam"))
    assert only(findings, "ood").verdict == "follows"
    findings = study(
        cells, lambda c, a: 0.5 if a == "exam" else truth(c, a), abilities=("math", "code", "exam")
    )
    assert only(findings, "ood").verdict != "follows"


@pytest.mark.parametrize("truth", [nothing, only_growth, lambda c, a: crossing(c, a)])
def test_a_table_of_one_seed_decides_nothing_and_says_why(truth):
    findings = study(grid(), truth, seeds=1)
    assert {f.verdict for f in findings.findings} == {"undecided"}
    with_interval = [f for f in findings.findings if f.interval]
    assert {f.kind for f in with_interval} >= {"growth", "mixing", "strategy", "size"}
    assert {f.noise for f in with_interval} == {"items only"}
    assert all("one seed" in f.why or "outside" in f.why for f in with_interval)


def test_one_seed_in_the_contracts_words_shows_nothing_and_is_not_decided():
    told = study(grid(), crossing, seeds=1).to_dict()["findings"]
    assert not any(f["decided"] for f in told)
    assert {f["verdict"] for f in told if f["kind"] == "mixing"} == {"tied"}
    assert {f["verdict"] for f in told if f["kind"] == "growth"} == {"undecided"}


def test_one_seed_without_standard_errors_has_no_interval():
    findings = study(grid(), crossing, seeds=1, items=0)
    differences = list(findings.of("mixing", of="difference"))
    assert differences
    assert all(f.interval is None and f.why for f in differences)


def test_rows_of_one_key_count_once():
    frame = table(list(grid()), crossing, np.random.default_rng(0))
    frame = frame.assign(key=[f"e{i}" for i in range(len(frame))])
    twice = pd.concat([frame.assign(design="a"), frame.assign(design="b")], ignore_index=True)
    once, again = (analyze(tidy(f)) for f in (frame, twice))
    assert [f.to_dict() for f in once.findings] == [f.to_dict() for f in again.findings]


def test_protocols_metrics_and_suites_are_never_compared():
    frame = table(list(grid()), nothing, np.random.default_rng(0))
    single = frame["amounts"].str.count(":") == 1
    frame["protocol"] = np.where(single, "epochs", "updates")
    assert not list(analyze(tidy(frame)).of("mixing"))


def test_valid_rows_choose_the_epoch_and_enter_no_finding():
    random = np.random.default_rng(0)
    frame = table(alone(), only_growth, random, abilities=("math",))
    early, late = frame.assign(epoch=1.0), frame.assign(epoch=2.0, score=0.9)
    valid = pd.concat(
        [early.assign(split="valid", score=0.8), late.assign(split="valid", score=0.1)]
    )
    chosen = analyze(tidy(pd.concat([early, late, valid], ignore_index=True)))
    plain = analyze(tidy(early))
    assert only(chosen, "growth").estimate == only(plain, "growth").estimate
    last = analyze(tidy(pd.concat([early, late], ignore_index=True)))
    assert only(last, "growth")["points"][0]["score"] == pytest.approx(0.9)


def items_of(frame, random, count=200):
    """Return per-item scores: items differ much in how hard they are, alike in every cell."""
    hardness = random.normal(0, 2, count)
    items = []
    scores = []
    for row in frame.itertuples():
        chance = 1 / (1 + np.exp(-(hardness + 4 * (row.score - 0.5))))
        hits = (random.random(count) < chance).astype(float)
        scores.append(hits.mean())
        items.append(pd.DataFrame({"key": row.key, "item": np.arange(count), "score": hits}))
    return frame.assign(score=scores, n=count), pd.concat(items, ignore_index=True)


def test_shared_items_are_paired_and_tell_more():
    random = np.random.default_rng(0)
    frame = table(list(grid(models=("small",))), nothing, random, seeds=1, items=0, run_sd=0)
    frame = frame.assign(key=[f"e{i}" for i in range(len(frame))])
    frame, items = items_of(frame, random)
    paired, plain = analyze(tidy(frame), items), analyze(tidy(frame))

    def width(findings):
        spans = [f.interval for f in findings.of("mixing", of="difference")]
        return np.mean([high - low for low, high in spans])

    assert width(paired) < 0.85 * width(plain)


def test_the_same_table_gives_the_same_bytes_of_the_contract():
    frame = table(list(grid(models=("small",))), only_growth, np.random.default_rng(0))
    first, second = analyze(tidy(frame)), analyze(tidy(frame.copy()))
    assert first.to_json() == second.to_json()
    assert list(first.to_dict()) == ["version", "findings", "claims", "left_out"]
    for finding in first.to_dict()["findings"]:
        assert {
            "kind",
            "ability",
            "model",
            "metric",
            "estimate",
            "interval",
            "verdict",
            "rows",
        } <= (finding.keys())
        assert finding["interval"] is not None or finding["why"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(
            [{"model": "m", "strategy": "x", "amounts": "{}", "ability": "a", "score": 1}]
        ),
        pd.DataFrame(
            [{"model": "m", "strategy": "x", "amounts": '{"a": 1}', "ability": "a", "score": None}]
        ),
        table(list(grid()), lambda c, a: 0.0, np.random.default_rng(0)),
        table(list(grid()), lambda c, a: 0.5, np.random.default_rng(0), run_sd=0, items=0),
    ],
    ids=["one row", "nothing scored", "all zero", "no scatter at all"],
)
def test_a_thin_table_decides_nothing(frame):
    findings = analyze(tidy(frame))
    assert {f.verdict for f in findings.findings} <= {
        "undecided",
        "tied",
        "keeps",
        "resists",
        "neither",
    }


def test_every_reason_is_one_of_those_that_are_kept_together():
    patterns = [re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in reasons.TEMPLATES]
    known = re.compile("|".join(f"(?:{p})" for p in patterns))
    tables = (
        table(list(grid()), crossing, np.random.default_rng(0), seeds=1),
        table(list(grid()), nothing, np.random.default_rng(0), seeds=1, items=0),
        table(alone(amounts=(64,)), only_growth, np.random.default_rng(0)),
    )
    given = [f.why for frame in tables for f in analyze(tidy(frame)).findings if f.why]
    assert len(set(given)) > 5
    assert [why for why in given if not known.fullmatch(why)] == []


def thin(name):
    """Return a table that can be read, and bears little."""
    cells = list(grid())
    full = table(cells, crossing, np.random.default_rng(0), seeds=2)
    one = table(cells, crossing, np.random.default_rng(0), seeds=1)
    return {
        "one model": one[one["model"] == "small"],
        "no seeds, rows of replicates": full.drop(columns=["seed", "data_seed"]),
        "two rows": one.head(2),
        "one ability": one[one["ability"] == "math"],
        "NaN in half of the scores": one.assign(score=one["score"].mask(one.index % 2 == 0)),
        "NaN stderr, no n": one.drop(columns="n").assign(stderr=np.nan),
        "no parameters": one.drop(columns="parameters"),
        "huge amounts": one.assign(amounts=one["amounts"].str.replace("4096", "4000000000000")),
        "huge scores": one.assign(score=one["score"] * 1e14, metric="points", n=None),
        "every score the same": one.assign(score=0.5),
        "every row twice": pd.concat([one, one], ignore_index=True),
        "only the untuned base": one[one["stage"] == 0],
        "only strategies": one[one["strategy"] != "multitask"],
    }[name]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name",
    [
        *("one model", "no seeds, rows of replicates", "two rows", "one ability"),
        *("NaN in half of the scores", "NaN stderr, no n", "no parameters", "huge amounts"),
        *("huge scores", "every score the same", "every row twice", "only the untuned base"),
        "only strategies",
    ],
)
def test_a_table_without_replicates_is_undecided_and_says_why(name):
    findings = analyze(tidy(thin(name)))
    assert {f.verdict for f in findings.findings} <= {"undecided"}
    assert all(f.why for f in findings.findings if f.interval is None)
    assert len(findings.claims) == 14
    assert json.loads(findings.to_json())["version"] == 1


def test_rows_of_one_run_that_are_there_twice_are_named():
    said = analyze(tidy(thin("no seeds, rows of replicates"))).left_out
    assert any("seed" in entry["why"] for entry in said)
    assert not analyze(tidy(thin("one model"))).left_out


def test_rates_are_read_off_joined_points_where_no_form_is_near_them():
    # two steps: a shape that no form of growth has, planted four synthetic rows to a human one
    def score(rows: float) -> float:
        return float(
            np.interp(
                np.log2(rows), [3, 6, 8, 10, 12, 14, 16], [0.1, 0.12, 0.35, 0.41, 0.6, 0.66, 0.85]
            )
        )

    rng = np.random.default_rng(3)
    rows = [
        {
            "model": "m",
            "strategy": "multitask",
            "amounts": json.dumps({source: amount}),
            "ability": "skill",
            "role": "in",
            "score": score(amount * worth) + rng.normal(0, 0.004),
            "stderr": 0.004,
            "n": 1000,
            "seed": seed,
        }
        for source, worth in (("human", 1.0), ("made", 0.25))
        for amount in (64, 256, 1024, 4096, 16384)
        for seed in range(3)
    ]
    origins = (
        Origin(name="human", ability="skill", origin="human"),
        Origin(name="made", ability="skill", origin="synthetic"),
    )
    (found,) = analyze(tidy(pd.DataFrame(rows), sources=origins)).of("exchange")
    rates = {r["amount"]: r for r in found["rates"]}
    low, high = rates[1024]["interval"]
    assert low <= 4 <= high
    assert high / low < 3


def renamed(frame, name):
    return frame.assign(strategy=frame["strategy"].mask(frame["strategy"] == "multitask", name))


def test_what_mixes_in_one_stage_may_have_any_name():
    frame = table(list(grid(models=("small",))), crossing, np.random.default_rng(0))
    ours, theirs = analyze(tidy(frame)), analyze(tidy(renamed(frame, "sft")))
    for kind in ("mixing", "factors"):
        mine = [(f.ability, f.estimate, f.verdict) for f in ours.of(kind)]
        assert mine
        assert [(f.ability, f.estimate, f.verdict) for f in theirs.of(kind)] == mine
    assert theirs.left_out == ()


def test_mixtures_that_were_trained_in_stages_only_are_named_as_left_out():
    frame = table(list(grid(models=("small",))), crossing, np.random.default_rng(0))
    frame = frame[frame["strategy"].eq("multitask")]
    found = analyze(tidy(renamed(frame, "sequential")))
    assert not list(found.of("mixing"))
    (entry,) = found.left_out
    assert (entry["what"], entry["why"]) == (reasons.IN_STAGES, reasons.NOT_MIXED)
    mixed = frame["amounts"].map(lambda text: len(json.loads(text))) > 1
    assert len(entry["rows"]) == mixed.sum()


def test_growth_refutes_no_ceiling_where_none_could_be_seen():
    cells = [c for c in grid(abilities=("math", "rft")) if c.stage == c.stages]
    sources = [
        Origin(name="math", ability="math"),
        Origin(name="rft", ability="math", origin="synthetic"),
    ]

    def truth(cell, ability):
        return 0.2 + 0.03 * np.log2(1 + sum(cell.amounts.values()) / 64)

    def ceiling(frame):
        claims = analyze(tidy(frame, sources=sources)).claims
        return next(c for c in claims if c.id == "song2023.5")

    frame = table(cells, truth, np.random.default_rng(0), abilities=("math",), run_sd=0.003)
    assert ceiling(frame).verdict == "fails"
    bare = frame.loc[frame["seed"] == 0, list(REQUIRED)]
    assert ceiling(bare).verdict == "undecided"
    assert "single seeds" in ceiling(bare).because


def two_protocols():
    """Return a table in which mixing helps math at equal epochs, and not at equal updates."""
    random = np.random.default_rng(0)
    frames = []
    for protocol, help_ in (("epochs", 0.1), ("updates", 0.0)):

        def truth(cell, ability, help_=help_):
            mixed = cell.stage and len(cell.amounts) > 1 and ability == "math"
            return only_growth(cell, ability) + help_ * bool(mixed)

        frames.append(table(list(grid()), truth, random).assign(protocol=protocol))
    return pd.concat(frames, ignore_index=True)


def test_two_protocols_of_one_table_are_answered_side_by_side_in_every_kind():
    frame = two_protocols()
    both = analyze(tidy(frame))
    for protocol, part in frame.groupby("protocol"):
        own = analyze(tidy(part))
        for kind in VERDICTS:
            alone = [(f.ability, f.model, f.estimate, f.interval) for f in own.of(kind)]
            beside = [f for f in both.of(kind) if f.protocol == protocol]
            assert [(f.ability, f.model, f.estimate, f.interval) for f in beside] == alone
    helped = {f.protocol for f in both.of("mixing", ability="math") if f.verdict == "helps"}
    assert helped == {"epochs"}


def test_a_claim_is_judged_under_each_protocol_and_decided_by_equal_epochs():
    frame = two_protocols()
    both = {c.id: c for c in analyze(tidy(frame)).claims}
    claim = both["dong2023.2"]
    first, second = claim.because.split("; at equal updates: ")
    assert first.startswith(f"at equal epochs: {claim.verdict}; mixing helps at the smallest")
    assert "mixing helps at the smallest amount: holds" in first
    assert "mixing helps at the smallest amount: undecided" in second
    assert both["song2023.2"].verdict == "not tested"


def test_the_middle_of_copies_is_that_of_numpy():
    copies = np.random.default_rng(0).standard_normal((37, 4))
    theirs = np.quantile(copies, [0.025, 0.975], axis=0)
    assert np.allclose(middle(copies, 0.95), theirs, rtol=1e-12)


def test_forms_solved_at_once_are_those_fitted_one_by_one():
    amounts, random = (16, 64, 256, 1024, 4096), np.random.default_rng(0)
    for scores in random.uniform(0, 1, (5, 5)):
        weights = random.uniform(1, 5, 5)
        _, every = choose(amounts, scores, weights, known=True)
        assert every.keys() == {g.form for g in grids(amounts)}
        for grid_ in grids(amounts):
            one = fit(grid_, amounts, scores[None], weights)
            assert np.allclose(every[grid_.form].copies(np.array(amounts)), one(np.array(amounts)))


def test_what_an_adaptive_run_left_open_is_told_by_nobody_who_reads_its_sidecar(tmp_path):
    frame = table(list(grid(models=("small",))), crossing, np.random.default_rng(0))
    write(frame, tmp_path / "results.csv")
    question = {"kind": "mixing", "ability": "math", "model": "small", "metric": "accuracy"}
    question |= {"suite": "math", "about": "math", "sure": 0.6}
    sidecar = {"sources": [{"name": a} for a in ("math", "code", "general")], "open": [question]}
    (tmp_path / "sources.yaml").write_text(json.dumps(sidecar))
    plain = analyze(read(tmp_path / "results.csv"))
    told = analyze(read(tmp_path / "results.csv", sources=tmp_path / "sources.yaml"))
    assert {f.verdict for f in plain.of("mixing", ability="math")} >= {"helps", "hurts"}
    for before, after in zip(plain.findings, told.findings, strict=True):
        if (after.kind, after.ability) == ("mixing", "math") and before.verdict in (
            "helps",
            "hurts",
        ):
            assert after.verdict == "undecided"
            assert f"{before.verdict} so far, and 60% of the forecasts" in after.why
            assert after.estimate == before.estimate
        else:
            assert after == before


def test_a_sidecar_whose_open_questions_are_none_is_refused_in_one_line(tmp_path):
    write(table(alone(), nothing, np.random.default_rng(0)), tmp_path / "results.csv")
    sidecar = {"sources": [{"name": "math"}], "open": [{"kind": "mixing"}]}
    (tmp_path / "sources.yaml").write_text(json.dumps(sidecar))
    with pytest.raises(DataError, match="open: is no list of questions"):
        read(tmp_path / "results.csv", sources=tmp_path / "sources.yaml")


def test_many_effects_at_once_tell_what_each_would_tell():
    known = [Effect(value=v, variance=0.04, df=d) for v, d in ((0.3, 4.0), (-0.1, np.inf))]
    lone = Effect(value=0.2, variance=0.01, noise="items only")
    for effects in (known, [*known, lone], []):
        for (interval, p), effect in zip(told(effects, 0.95), effects, strict=True):
            assert interval == pytest.approx(effect.interval(0.95), rel=1e-12)
            assert p == (None if effect.p is None else pytest.approx(effect.p, rel=1e-12))


def test_models_that_were_trained_alike_share_what_depends_on_that_alone():
    frame = table(list(grid()), nothing, np.random.default_rng(0), seeds=2)
    panels = collect(tidy(frame), 0.95).panels
    assert len({id(block.layout) for panel in panels for block in panel.blocks}) == 1
    lacking = (frame["model"] == "large") & frame["amounts"].str.contains("16384")
    panels = collect(tidy(frame[~lacking]), 0.95).panels
    assert len({id(block.layout) for panel in panels for block in panel.blocks}) == 2
