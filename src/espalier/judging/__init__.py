"""Asking a judge: another model that reads a reply and says how good it is.

    Judge, Means --ask(requests)--> one Judgment, or Unanswered, for each request, in order

A request is asked at most once by everybody who shares a cache folder: what was answered is kept
under the hash of all that the answer depends on.  So a killed run goes on, a second run costs
nothing, and only the cache knows what has been spent.
"""

from espalier.judging.answers import Answers, Judgment, Purse, Request
from espalier.judging.client import Unanswered, ask
from espalier.judging.options import Judge, Means, Named, judge_named, judged_by

__all__ = [
    "Answers",
    "Judge",
    "Judgment",
    "Means",
    "Named",
    "Purse",
    "Request",
    "Unanswered",
    "ask",
    "judge_named",
    "judged_by",
]
