"""Why a finding has no answer, or what its interval leaves out: every sentence, in one place.

Values stand in braces.  Clauses are joined by semicolons, and each is a template of its own, so
that the page can put them into another language clause by clause.
"""

from __future__ import annotations

ONE_SEED = "one seed: the interval allows for the items only, not for another run"
ONE_SEED_ALIKE = "one seed: a lucky run may lift both alike"
NO_NOISE = "one seed and no standard error of the scores: nothing says how much they scatter"
ALIKE = "repeated runs scored alike: the interval allows for the items only, not for another run"
ALL_ALIKE = "repeated runs and items scored alike: nothing says how much they scatter"
NO_INTERVAL = "no interval: nothing says how much the scores scatter"
UNKNOWN_SCATTER = "nothing says how much the scores scatter"

ONE_AMOUNT = "one amount only: growth needs two or more"
FEW_AMOUNTS = "fewer than four amounts: a bend cannot be told from a straight line"
NO_BEND = "no bend within the measured amounts stands out from the noise"

GUESSED = "no score stands out above what guessing gives"

CROSSOVER_AMOUNTS = "a crossover needs two amounts or more"
KEEPS_SIGN = "the difference keeps its sign over the measured amounts"
OUTSIDE = "it may lie outside of the measured amounts"

ALONE_MISSING = (
    "confounded: nothing was trained on the ability's own rows alone at the amounts that are "
    "mixed, so there is nothing to measure mixing against"
)
IN_STAGES = "mixing and factors of mixtures that were trained in stages only"
NOT_MIXED = "to hold a mixture against a single source, train it in one stage, as multitask does"
STEADY = "confounded: the {which} of the other data never changes"
TOGETHER = (
    "confounded: amount and ratio of the other data move together; vary the own amount as well"
)
FEW_MIXTURES = "confounded: {count} mixtures are too few to separate amount and ratio"

RATE_AMOUNTS = "a rate needs two amounts of each source, and five together"
NO_RATE = "no single rate: no one curve, shifted, fits both sources"
FLAT_RATE = "the amounts are too few or the curves too flat to find a rate"
NOT_REACHED = "the synthetic rows measured do not reach this score"
HARDLY_REACHED = "within the noise, the synthetic rows measured may not reach this score"

FEW_SHARED = "{count} settings were measured on both; a rank correlation needs {needed}"
FEW_ABILITIES = (
    "{count} abilities have a growth curve, an untuned score and scores after other data alone; "
    "a prediction held out needs {needed}"
)

TEMPLATES = tuple(text for name, text in sorted(globals().items()) if name.isupper())
"""All of them, for whoever translates them."""
