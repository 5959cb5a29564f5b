"""Every fixed sentence of the page, so that another language is another mapping (`words_zh`).

`Words("en")("growth.title")` is a sentence; values in braces are filled in as plain text, and
escaped only where the page is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from espalier.errors import SpecError, choices
from espalier.report.numbers import fraction
from espalier.report.reasons_zh import reason
from espalier.report.words_zh import CHINESE

ENGLISH: Mapping[str, str] = {
    "title": "Report",
    "theme": "Light or dark",
    "contents": "Contents",
    "question.none": "What do these results say?",
    "answer": "The answer",
    "certainty": "How sure.",
    "chance": "chance",
    "untuned": "untuned",
    "plateau": "plateau",
    "crossover": "crossover",
    "lower is better": "lower is better",
    "unit.points": "points",
    "unit.to": "to",
    "list.and": "{first} and {last}",
    "list.more": "{n} more",
    "list.comma": ", ",
    "list.semicolon": "; ",
    "list.clause": ", ",
    "list.sentence": " ",
    "rows": "{n} rows",
    "row": "1 row",
    "the numbers": "The numbers",
    "the tests": "The tests",
    "more rows": "{n} more rows are in the figure's CSV file.",
    "more panels": "{n} more panels are not drawn; their numbers are in the table.",
    "thinned": "1 of {step} dots shown",
    "no script": "Charts need JavaScript, which is off here. The tables hold the same numbers.",
    "none": "none",
    "yes": "yes",
    "no": "no",
    "per doubling": "per doubling",
    # what kinds of cells there are
    "design.single": "alone",
    "design.together": "with the others",
    "vary.line": "{moving} in steps, beside {still}",
    "strategy.multitask": "multitask",
    "strategy.sequential": "sequential",
    "strategy.mixed_sequential": "mixed sequential",
    "strategy.dmt": "DMT",
    "form.flat": "flat",
    "form.log-linear": "log-linear",
    "form.saturating power": "saturating power",
    "form.logistic": "logistic",
    # axes
    "axis.own": "rows of {ability}",
    "axis.moving": "rows of the moving side",
    "axis.stage": "after stage",
    "axis.parameters": "parameters",
    "axis.human": "rows of {source}",
    "axis.inside": "gain on trained abilities",
    # the fields of a tooltip, and the columns of the tables
    "tip.ability": "Ability",
    "tip.model": "Model",
    "tip.strategy": "Strategy",
    "tip.design": "Trained",
    "tip.amounts": "Rows",
    "tip.stage": "Stage",
    "tip.score": "Score",
    "tip.interval": "95% interval",
    "tip.basis": "Interval from",
    "tip.items": "Items",
    "tip.seeds": "Seeds",
    "tip.keys": "Key",
    "tip.own": "Own rows",
    "tip.mixture": "Mixture",
    "tip.single": "Alone",
    "tip.mixed": "Mixed",
    "tip.difference": "Difference",
    "tip.verdict": "Verdict",
    "tip.line": "Line",
    "tip.rate": "Rows for one",
    "tip.parameters": "Parameters",
    "tip.human": "Human rows",
    "tip.inside": "Gain, trained",
    "tip.outside": "Gain, untrained",
    "tip.per doubling": "Per doubling",
    "tip.share": "Of the variance",
    "tip.share interval": "95% of that",
    "tip.cells": "Cells",
    "tip.recipe": "Recipe",
    "tip.expected": "{ability}, expected",
    "basis.": "none: no items, errors or seeds given",
    "basis.items": "items (one seed)",
    "basis.seeds": "seeds",
    "basis.items and seeds": "items and seeds",
    # verdicts
    "verdict.grows": "grows",
    "verdict.plateaus": "plateaus",
    "verdict.resists": "resists",
    "verdict.falls": "falls",
    "verdict.undecided": "undecided",
    "verdict.inverts": "inverts",
    "verdict.helps": "helps",
    "verdict.hurts": "hurts",
    "verdict.tied": "tied",
    "verdict.amount": "amount",
    "verdict.ratio": "ratio",
    "verdict.both": "both",
    "verdict.neither": "neither",
    "verdict.better": "better",
    "verdict.worse": "worse",
    "verdict.forgets": "forgets",
    "verdict.keeps": "keeps",
    "verdict.improves": "improves",
    "verdict.follows": "follows",
    "verdict.does not follow": "does not follow",
    "verdict.human better": "human better",
    "verdict.synthetic better": "synthetic better",
    "verdict.predicts": "predicts",
    "verdict.does not predict": "does not predict",
    "verdict.holds": "holds",
    "verdict.fails": "fails",
    "verdict.not tested": "not tested",
    # the recommendation
    "recommendation.title": "What should I train on?",
    "recommendation.absent": "No recipe is recommended, because none was asked for.",
    "recommendation.failed": "No recipe is recommended: {why}",
    "recommendation.headline": "Train {model} on {rows}: {amounts}, {strategy}.",
    "recommendation.amount": "{n} of {source}",
    "recommendation.refused": "For {model} no recipe is recommended.",
    "recommendation.stage": "Stage {n}",
    "recommendation.budget": "budget",
    "recommendation.regret": "expected regret",
    "recommendation.regret.interval": "95% of the regret",
    "recommendation.probability": "no baseline is better",
    "recommendation.floor_cost": "given up for the floors",
    "recommendation.without_floors": "{cost} of utility; without them: {recipe}",
    "recommendation.rests": "It rests on {counts}.",
    "recommendation.region": "Measured were {spans} rows.",
    "recommendation.utility": "Utility weighs {weights}, each in shares of its metric’s range.",
    "recommendation.floors": "Floors asked for: {floors}.",
    "recommendation.beside": "The recipe beside the baselines",
    "recommendation.note": (
        "Regret is what the recipe is expected to lose against the best one, which nobody knows; "
        "it and utility are in points of the metrics’ range."
    ),
    "budget.rows": "rows",
    "budget.tokens": "tokens",
    "budget.updates": "updates",
    "budget.gpu_hours": "GPU hours",
    "budget.flops": "FLOPs",
    "rests.cells": "cells",
    "rests.runs": "runs",
    "rests.rows": "rows of the table",
    "recipe.recommended": "recommended",
    "recipe.uniform": "uniform",
    "recipe.proportional": "proportional",
    "recipe.everything": "everything",
    "recipe.best measured": "best measured",
    "recipe.foretold": "expected",
    "recipe.measured": "measured",
    "recipe.verified": "trained and measured since",
    "recipe.weight": "weight {weight}",
    "recipe.utility": "Utility",
    "recipe.basis": "Basis",
    "recipe.cost": "Costs",
    "recipe.note": "Note",
    "recipe.floor": "[floor kept: {sure}]",
    "recipes.caption": (
        "What each recipe is expected to score, with 95% intervals. Full dots were trained and "
        "measured as they are; rings are read off the surface fitted to the cells that were."
    ),
    "front.front": "Pareto front",
    "front.caption": (
        "No recipe on the front is beaten on every ability at once; moving along it buys one "
        "ability with another. Crosses are 95% intervals."
    ),
    "verified.title": "Predicted against measured",
    "verified.predicted": "Predicted",
    "verified.measured": "Measured",
    "verified.gap": "Measured minus predicted",
    "verified.held": "Interval",
    "verified.inside": "held",
    "verified.outside": "missed",
    "next.title": "What to run next",
    "next.saved": "Regret it saves",
    "transfer.title": "From small models to large",
    "transfer.tau": "Rank agreement",
    "transfer.transfers": "transfers",
    "transfer.does not transfer": "does not transfer",
    "transfer.undecided": "undecided",
    "fit.title": "How well the surface fits",
    "fit.form": "Form",
    "fit.error_left_out": "Error on cells left out",
    "fit.error_left_out_in_its_own_sd": "The same in expected errors",
    "fit.noise_of_a_run": "Noise of a run",
    "fit.worth": "What a source’s rows are worth to it",
    "fit.utility_per_unit": "Utility per unit",
    # published curves beside the reader's own
    "overlay.title": "{paper} beside your own",
    "overlay.dong2023": "Dong et al. (2023)",
    "overlay.song2023": "Song et al. (2023)",
    "overlay.dong2023.note": (
        "Published numbers: LLaMA-1 on GSM8K, HumanEval and MT-Bench, one run each (Tables 2 and "
        "3). Other models, other benchmarks and 78 to 110,142 rows, so only shapes may be "
        "compared, not levels."
    ),
    "overlay.dong2023.caption": (
        "Amounts are shares of the most rows that each curve has of the ability, scores are shares "
        "of the best score the same model reached with them alone. Dashed with rings: published, "
        "single runs; their whiskers are ours, from the number of questions (MT-Bench gives none). "
        "Full: yours, where an ability has the same name. What may be compared: how early a curve "
        "rises and where mixing turns from help to harm. What may not: the height of the scores, "
        "the number of rows, and MT-Bench (1 to 10) with a share of right answers."
    ),
    "overlay.song2023.note": (
        "Published numbers: Chinese-LLaMA-7b on AGIEval and CMMLU, one run each (Tables 2 and 3). "
        "The paper’s ability curves are smoothed figures without numbers, so they cannot be laid "
        "over yours; these two tables are all it prints."
    ),
    "overlay.song2023.caption": (
        "Scores by how the training rows were made: 10,000 unselected, 10,000 chosen by each "
        "ability’s response to data, 40,000, and these with synthetic rows added. Whiskers are "
        "ours, from the number of questions. Comparable with yours only on the same benchmark: "
        "where your table has it, a line marks your best."
    ),
    "overlay.published": "published {model}",
    "overlay.yours": "yours, {model}",
    "overlay.your best": "your best",
    "overlay.best": "your best is {score} ({model})",
    "overlay.growth": "growth alone",
    "overlay.growth.note": "share of the best score",
    "overlay.mixing": "mixed minus alone",
    "overlay.mixing.note": "in points of the best score alone",
    "overlay.none": "you have no growing ability called {ability}",
    "overlay.what": "Shown",
    "overlay.benchmark": "Benchmark",
    "overlay.share": "share of all rows",
    "overlay.of best": "Of the best",
    "overlay.epoch": "epoch {n}",
    "overlay.set": "Training set",
    "overlay.table": "Table",
    "overlay.single": "published, single runs",
    # an evaluation of models that nobody tuned
    "scores.title": "What does it score?",
    "scores.question": "What does {model} score?",
    "scores.question.many": "What do these models score?",
    "scores.caption": (
        "Mean scores with 95% intervals of the items; the grey tick is what guessing scores."
    ),
    "scores.above": "{model} is above chance on {names}",
    "scores.level": "cannot be told from chance on {names}",
    "scores.below": "is below chance on {names}",
    "scores.plain": "{model} scores {parts}",
    "scores.sentence": "{parts}.",
    "scores.certainty": (
        "Intervals are 95% and know the items’ noise only: what another training would give is "
        "not in them."
    ),
    "scores.absent": "No model was tuned, so nothing about fine-tuning data can be said.",
    # sections: a title that asks, and a line on how to read the picture
    "growth.title": "How does each ability grow with its own data?",
    "growth.caption": (
        "Dots are measured scores, averaged over seeds; whiskers are 95% intervals. Lines are the "
        "fitted curves with their 95% bands where the analysis fitted one; elsewhere they join "
        "the dots. The axis counts in doublings."
    ),
    "growth.alt": "{model} {design}: {verdict}",
    "growth.alt.none": "no growth finding",
    "growth.absent": "No ability was trained with several amounts of its own data.",
    "size.title": "Does a larger model do better with the same data?",
    "size.caption": "Mean score over the settings that every model has, with 95% intervals.",
    "size.absent": "Only one model size was measured.",
    "mixing.title": "Does the others’ data help or hurt?",
    "mixing.caption": (
        "Score when trained with the others minus score when trained alone, at the same number of "
        "the ability’s own rows. Hollow dots: no difference could be shown (tied or undecided)."
    ),
    "mixing.up": "above 0 helps",
    "mixing.down": "below 0 helps",
    "mixing.hollow": "hollow: tied or undecided",
    "mixing.absent": (
        "No ability was measured both alone and mixed at the same number of its own rows."
    ),
    "factors.title": "Is it the amount of other data, or the ratio?",
    "factors.absent": "No design moved one side while the other stood still.",
    "factors.amount": "amount of other data",
    "factors.ratio": "ratio of other data",
    "factors.caption": (
        "What a doubling does to the ability’s score: of the amount of other data at constant "
        "ratio, and of its ratio at constant amount. An interval that holds 0 shows no effect."
    ),
    "vary.caption": (
        "One side stands still while the other grows. Whiskers are 95% intervals of the scores."
    ),
    "strategy.title": "In which order should the data come?",
    "strategies.caption": (
        "Scores after the last stage, trained on the same rows ({mixture}). Whiskers are 95% "
        "intervals of each score; whether two strategies differ is tested pair by pair, below."
    ),
    "strategy.absent": "Only one strategy was run on any mixture.",
    "sweep.caption": (
        "DMT replays a share k of the specialised data in its last stage. Whiskers are 95% "
        "intervals."
    ),
    "forgetting.title": "What does each stage forget?",
    "forgetting.caption": "Scores after each stage, trained on the same rows ({mixture}).",
    "forgetting.absent": "No cell was measured after more than one stage.",
    "exchange.title": "How many synthetic rows is one human row worth?",
    "exchange.caption": (
        "Synthetic rows that reach what one human row reaches, at each amount of human rows."
    ),
    "exchange.even": "one for one",
    "exchange.absent": "No ability was trained from both human and synthetic rows.",
    "ood.title": "Do abilities nobody trained follow?",
    "ood.caption": (
        "Each dot is a setting, averaged over its seeds: what it gained on the trained abilities, "
        "and on the one it never saw."
    ),
    "ood.absent": "No out-of-domain ability was measured.",
    "sensitivity.title": "What predicts how fast an ability grows?",
    "sensitivity.absent": "Too few abilities to ask.",
    "probe.title": "Where do queries lie inside the models?",
    "probe.where": "{model}, {method}, layer {layer}",
    "probe.all": "In all {n} places looked at, {source} lies apart.",
    "probe.some": "In {m} of {n} places looked at a source lies apart ({names}); {open} undecided.",
    "probe.none": "Undecided: in none of the {n} places looked at does a source lie clearly apart.",
    "probe.apart": "{source}: {n}",
    "probe.two": "Of two sources none can lie apart from the others.",
    "probe.nearest": "Nearest to each other are {pairs}.",
    "probe.nearest.one": "{pair} ({n} of {all})",
    "probe.note": (
        "A source lies apart where its queries are farther from every other source’s than any two "
        "others’ are from each other (its margin is above 0). The silhouette is 1 for tight and "
        "distant groups and about 0 for overlapping ones; below 0.25 there is no substantial "
        "structure. A linear probe is trained to tell sources by the states of other queries. "
        "{pool} Intervals are 95% over queries{seeds}."
    ),
    "probe.pool.mean": "A query’s state is the mean over its tokens.",
    "probe.pool.last": "A query’s state is its last token’s.",
    "probe.seeds.one": " and know one training each",
    "probe.seeds.many": " and trainings",
    "probe.place": "Where",
    "probe.margin": "Lies apart (margin)",
    "probe.pair": "Nearest pair (silhouette)",
    "probe.silhouette": "Silhouette of all",
    "probe.change": "Change from untuned",
    "probe.accuracy": "Linear probe",
    "probe.undecided": "undecided: {source} {value}",
    "probe.layer": "Layer",
    "probe.sources": "Sources",
    "probe.everything": "all sources",
    "probe.axis": "layer (0: embeddings)",
    "probe.panel.silhouette": "silhouette",
    "probe.panel.accuracy": "linear probe",
    "probe.drawn": "drawn above",
    "probe.caption": (
        "Left to right the layers of each model; whiskers are 95% intervals over queries. Upper "
        "words name the model and what it was tuned by. The linear probe’s dashed line is what "
        "naming one source always would score."
    ),
    "probe.way.pca": "PCA",
    "probe.way.tsne": "t-SNE",
    "probe.x": "x",
    "probe.y": "y",
    "probe.pictures": (
        "One dot is one query, coloured by its source. PCA shows the two directions of most "
        "variance; t-SNE (perplexity {perplexity}, seed 0) keeps near neighbours near, and its "
        "distances between groups mean little. Each panel has axes of its own."
    ),
    "sensitivity.caption": (
        "Gain per doubling of each ability against the measures that should foretell it; each "
        "prediction was made without the ability itself. On the dotted line it is exact."
    ),
    "claims.title": "What the papers claim, tested on this data",
    "claims.note": (
        "Each claim is put as a test over the findings above. “Holds” is said of this data only."
    ),
    "replies.title": "Replies to look at",
    "replies.note": (
        "What the models wrote, unedited: of every ability and checkpoint the first right, wrong "
        "and unscored reply, not the best."
    ),
    "replies.all": "all",
    "replies.right": "right",
    "replies.wrong": "wrong",
    "replies.partly": "partly right",
    "replies.scored": "scored",
    "replies.unscored": "unscored",
    "replies.empty": "(no reply)",
    "replies.count": "{n} replies",
    "replies.prompt": "Asked",
    "replies.reply": "Replied",
    "replies.reference": "Reference",
    "costs.title": "What was not run, and what it cost",
    "costs.cells": "cells asked for",
    "costs.stages_asked": "training stages asked for",
    "costs.stages_trained": "stages trained",
    "costs.cpu_minutes": "CPU-minutes spent",
    "costs.minutes_saved": "minutes saved by sharing",
    "costs.wall_minutes": "minutes on the clock",
    "costs.complete": "Everything that was asked for was run.",
    "costs.unknown": "This report was made from a table alone; what was not run is not in it.",
    "costs.step": "Step",
    "costs.reason": "Reason",
    "missing.title": "What this table cannot show",
    "left_out.title": "Rows and questions left out",
    "left_out.what": "What",
    "left_out.why": "Why",
    "left_out.rows": "Rows",
    "provenance.title": "Where every number comes from",
    "provenance.note": (
        "Each finding names the measurements it rests on: keys of the store, or row numbers of the "
        "table. With a store at hand, `espalier explain KEY` says what a key is."
    ),
    "provenance.method": "How the intervals of the dots are made",
    "provenance.intervals": (
        "Whiskers come from the findings where these give them. Else they are ours, for drawing: "
        "item noise by Wilson’s interval for shares, by 1.96 standard errors for other metrics; "
        "seed noise from the deviation between seeds, pooled over the settings of a model and "
        "metric, with Student’s t. All seeds meet the same items, so item noise does not shrink "
        "with seeds; the two are added in quadrature. Overlapping whiskers do not show that two "
        "scores are equal, because settings are compared in pairs; the findings do that."
    ),
    "provenance.sources": "abilities trained",
    "provenance.findings": "All findings",
    "provenance.rows": "rests on",
    "provenance.more": "and {n} more (in the JSON of `espalier analyze`)",
    "provenance.study": "The study file",
    "provenance.truncated": "cut after {n} characters",
    # columns of the tests
    "test.ability": "Ability",
    "test.model": "Model",
    "test.what": "What",
    "test.estimate": "Estimate",
    "test.interval": "95% interval",
    "test.verdict": "Verdict",
    "test.per doubling": "{value} per doubling",
    "test.factors": "amount of other data, at constant ratio",
    "test.at": "at {rows}",
    "test.crossover": "changes sign at",
    "test.against": "{label} against {against}",
    "test.rank": "rank {rank} of {of}",
    "test.ceiling": "synthetic data reach at most {score} ({interval})",
    "test.inversion": "{larger} below {smaller}: {size} ({interval})",
    "test.ratio": "ratio, at constant amount: {size} per doubling ({interval})",
    "test.shares": "of the variance the amount explains {amount}, the ratio {ratio}",
    "test.foretold": "fitted to the smaller amounts, it misses the largest by {size}",
    "strategy.best_k": "The best k: {parts}.",
    "strategy.best_k.one": "{ability} {k} ({interval})",
    "sensitivity.ability": "Ability",
    "sensitivity.complexity": "Complexity",
    "sensitivity.transference": "Transference",
    "sensitivity.gain": "Gain per doubling",
    "sensitivity.predicted": "Predicted",
    "test.overall": "overall",
    "test.all models": "all",
    "test.correlation": "rank correlation",
    "test.rate": "{rate} synthetic for one human row",
    "noise.items only": "items only (one seed)",
    "noise.scatter about the curve": "scatter about the curve",
    "noise.unknown": "unknown",
    # the answer
    "answer.elsewhere": "by {metric} it {verdict}",
    "growth.no_form": "no simple form fits",
    "answer.near": "near {rows}",
    "answer.growth": "With more of its own data, {parts}{where}.",
    "answer.growth.grows": "{names} grows",
    "answer.growth.grows.many": "{names} grow",
    "answer.growth.plateaus": "{names} reaches a plateau",
    "answer.growth.plateaus.many": "{names} reach a plateau",
    "answer.growth.resists": "{names} does not move",
    "answer.growth.resists.many": "{names} do not move",
    "answer.growth.falls": "{names} falls",
    "answer.growth.falls.many": "{names} fall",
    "answer.growth.undecided": "{names} is undecided",
    "answer.growth.undecided.many": "{names} are undecided",
    "answer.growth.none": "How abilities grow with their own data was not measured here.",
    "answer.mixing": "Beside the others’ data, {parts}{where}.",
    "answer.mixing.effects": "{ability} {effects}",
    "answer.mixing.helps": "gains at {amounts} rows ({size})",
    "answer.mixing.hurts": "loses at {amounts} rows ({size})",
    "answer.mixing.most": "up to {size}",
    "answer.mixing.tied": "{names} shows no difference at any measured amount",
    "answer.mixing.tied.many": "{names} show no difference at any measured amount",
    "answer.mixing.undecided": "{names} is undecided",
    "answer.mixing.undecided.many": "{names} are undecided",
    "answer.mixing.none": "Whether mixing helps or hurts was not measured here.",
    "answer.strategy.best": "{label} comes first overall (rank 1 with probability {probability})",
    "answer.strategy.first": "{label} comes first overall",
    "answer.strategy.level": "{first}, from which {names} cannot be told",
    "answer.protocol": "They compare cells of equal {protocol}; the other protocol is below.",
    "answer.protocols": "Side by side{where}: {parts}.",
    "answer.protocols.at": "at equal {protocol}, {said}",
    "answer.protocols.helps": "mixing helps {names}",
    "answer.protocols.hurts": "mixing hurts {names}",
    "answer.protocols.forgets": "later stages forget {names}",
    "answer.protocols.tied": "mixing shows no effect",
    "answer.protocols.undecided": "what mixing does stays undecided",
    "answer.protocols.none": "no mixture was measured against a single source",
    "answer.strategy.tied": "none can be told from the others overall",
    "answer.strategy.undecided": "which strategy is best overall is undecided",
    "answer.forgetting.forgets": "{label} forgets {names}",
    "answer.forgetting.keeps": "{labels} forget nothing that can be shown",
    "answer.forgetting.keeps.one": "{labels} forgets nothing that can be shown",
    "answer.forgetting.nobody": "no strategy forgets anything that can be shown",
    "answer.forgetting.undecided": "what is forgotten is undecided",
    "answer.strategy.none": "Strategies were not compared here.",
    "answer.order": "Of the strategies, {parts}{where}.",
    "answer.where": " (at {model})",
    "answer.about": "The sentences are about {model}, the largest model.",
    "answer.about.label": "The sentences are about {model}, the last model of the table.",
    "answer.certainty": (
        "Of {total} tests {effect} show an effect, {none} show none, and {open} stay undecided."
    ),
    "answer.certainty.seeds": "Effects rest on at least {seeds} seeds.",
    "answer.certainty.one": (
        "{n} of them rest on a single seed, so their intervals know only the items’ noise: another "
        "seed may differ by more."
    ),
    "answer.certainty.method": "Intervals are 95%.",
    "answer.certainty.adjusted": (
        "Verdicts allow for the number of tests asked within each family."
    ),
    "answer.certainty.none": "No test could be made from this table.",
    # figures at the top
    "fact.models": "models",
    "fact.abilities": "abilities",
    "fact.seeds": "seeds",
    "fact.cells": "trained cells",
    "fact.measurements": "measurements",
    "fact.shared": "stages shared",
    # the summary in the terminal
    "summary.growth": "Gain per doubling of own data",
    "summary.mixing": "Mixed minus alone",
    "summary.strategy": "Strategies overall",
    "summary.forgetting": "Forgetting",
    "summary.more": "… and {n} more",
    "summary.models": "Shown is {model}, one of {n} models; the report and --json have all.",
    "summary.adjusted": "Verdicts allow for the number of tests, intervals do not.",
    "summary.none": "no finding: {why}",
    "summary.none.unscored": "no test row has a score",
    "summary.none.untuned": "only untuned models have a score",
    "summary.none.other": "nothing here can be compared",
    "summary.none.left_out": "left out: {parts}",
}
LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "zh": CHINESE}


class Words:
    """The sentences of one language."""

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise SpecError(f"no report in '{language}'; {choices(language, LANGUAGES)}")
        self.language = language
        self._words = LANGUAGES[language]

    def __call__(self, name: str, **values: object) -> str:
        """Return the sentence called `name`."""
        sentence = self._words[name]
        return sentence.format(**values) if values else sentence

    def __contains__(self, name: str) -> bool:
        return name in self._words

    def join(self, parts: Iterable[str]) -> str:
        """Join clauses into one sentence."""
        return self("list.semicolon").join(parts)

    def clauses(self, *parts: str) -> str:
        """Join what there is of a sentence's parts by commas."""
        return self("list.clause").join(part for part in parts if part)

    def sentences(self, parts: Iterable[str]) -> str:
        """Put sentences after one another."""
        return self("list.sentence").join(parts)

    def method(self, label: str) -> str:
        """Write a strategy's label as words: `DMT k=1/16`, `mixed sequential`."""
        name, _, rest = label.partition(" ")
        name = f"strategy.{name}" if f"strategy.{name}" in self else name
        known = self(name) if name in self else name.replace("_", " ")
        return f"{known} {rest}" if rest else known

    def strategy(self, choice: Mapping[str, Any]) -> str:
        """Write a recipe's strategy with its `k`."""
        k = choice.get("k")
        return self.method(choice["strategy"] + ("" if k is None else f" k={fraction(k)}"))

    def reason(self, text: str) -> str:
        """Write a reason that analysis or recommendation gave in English; unknown ones stay."""
        return reason(text) if self.language == "zh" else text

    def names(self, parts: Iterable[str]) -> str:
        """Write `a, b and c`."""
        *most, last = list(parts) or [""]
        return self("list.and", first=self("list.comma").join(most), last=last) if most else last

    def rows(self, amount: float) -> str:
        """Write `1,024 rows`."""
        return self("row") if amount == 1 else self("rows", n=f"{amount:,.0f}")

    def amounts(self, amounts: Mapping[str, int]) -> str:
        """Write `math 64, code 64`."""
        parts = (f"{source} {n:,.0f}" for source, n in amounts.items())
        return self("list.comma").join(parts) or self("none")
