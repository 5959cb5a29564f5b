import math

import pandas as pd
import pytest

from espalier.report.view import view
from espalier.results import tidy


def row(**more):
    plain = {"model": "m", "strategy": "multitask", "amounts": '{"math": 64}', "ability": "math"}
    return plain | {"metric": "accuracy", "score": 0.5, "n": 100} | more


def points(*rows):
    return view(tidy(pd.DataFrame(list(rows)))).points


def test_one_seed_has_wilsons_interval_of_its_items():
    (point,) = points(row(score=0.9, n=50))
    assert (point.low, point.high) == pytest.approx((0.7864, 0.9565), abs=1e-4)
    assert point.basis == "items"


def test_a_perfect_score_is_not_certain():
    (point,) = points(row(score=1.0, n=20))
    assert point.low == pytest.approx(0.8389, abs=1e-4)
    assert point.high == 1.0


def test_seeds_widen_the_interval_by_their_pooled_spread():
    one, other = '{"math": 64}', '{"math": 256}'
    rows = [
        row(score=s, amounts=a, seed=i, n=10_000_000, key=f"{a}{i}")
        for a, scores in ((one, (0.4, 0.5)), (other, (0.6, 0.7)))
        for i, s in enumerate(scores)
    ]
    first, _ = points(*rows)
    # deviation sqrt(0.005), two degrees of freedom, t = 4.3027, two seeds
    assert first.high - first.score == pytest.approx(
        4.3027 * math.sqrt(0.005) / math.sqrt(2), abs=1e-3
    )
    assert first.basis == "items and seeds"
    assert first.seeds == 2


def test_a_metric_beyond_shares_uses_its_standard_error():
    (point,) = points(row(score=7.1, stderr=0.2, metric="judge", n=None))
    assert (point.low, point.high) == pytest.approx((6.708, 7.492), abs=1e-3)


def test_without_items_or_errors_there_is_no_interval():
    (point,) = points(row(score=7.1, metric="judge", n=None))
    assert point.interval is None
    assert point.basis == ""


def test_one_key_shown_twice_is_one_measurement():
    designs = ("single", "vary:math")
    (point,) = points(*(row(key="a", design=design) for design in designs), row(key="b", seed=1))
    assert point.seeds == 2
    assert point.keys == ("a", "b")
    assert point.designs == {"single", "vary:math"}


def test_an_untuned_model_is_one_cell_whoever_asked_for_it():
    bases = (row(amounts="{}", strategy=s, stage=0, key="base") for s in ("multitask", "dmt"))
    (point,) = points(*bases)
    assert point.stage == 0
    assert point.seeds == 1


def test_validation_rows_and_earlier_epochs_are_not_drawn():
    last = row(epoch=3, score=0.7, key="c")
    (point,) = points(row(split="valid", key="a"), row(epoch=1, score=0.2, key="b"), last)
    assert point.score == 0.7


def test_metrics_and_protocols_are_never_averaged():
    both = points(
        row(),
        row(metric="nll", score=2.0, higher_is_better=False),
        row(protocol="updates", score=0.1),
    )
    assert sorted(p.score for p in both) == [0.1, 0.5, 2.0]


def test_a_loss_has_no_chance_level():
    (point,) = points(row(metric="nll", higher_is_better=False, chance=0.05))
    assert point.measure.chance is None


def test_no_interval_reaches_where_the_metric_cannot():
    low, high = points(
        *(
            row(score=s, amounts=f'{{"math": {n}}}', seed=i, stderr=0.01)
            for n, pair in ((64, (0.0, 0.2)), (256, (0.8, 1.0)))
            for i, s in enumerate(pair)
        )
    )
    assert (low.low, high.high) == (0.0, 1.0)
    loss = {"metric": "nll", "higher_is_better": False, "n": None}
    (loss,) = points(row(score=0.1, stderr=0.2, **loss))
    assert loss.low == 0.0
    assert loss.high == pytest.approx(0.492, abs=1e-3)
    (judge,) = points(row(score=1.1, stderr=1.0, metric="judge", n=None))
    assert judge.low < 0


def test_models_are_ordered_by_size_only_where_sizes_are_known():
    sized = [row(model="big", parameters=9e9), row(model="small", parameters=1e9)]
    assert view(tidy(pd.DataFrame(sized))).models == ("small", "big")
    plain = [row(model="z"), row(model="a")]
    seen = view(tidy(pd.DataFrame(plain)))
    assert (seen.models, seen.sized) == (("z", "a"), False)
