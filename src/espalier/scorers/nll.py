"""Negative log-likelihood of the target, in nats per token: moves where accuracy still stands.

It says nothing across tokenizers, whose tokens differ.
"""

from espalier.ability import Grade, Item, Reply, Scorer


def nll() -> Scorer:
    """Score -log p(target | prompt) / tokens; lower is better."""
    return Scorer(metric="nll", asks="likelihood", grade=_grade, higher_is_better=False)


def _grade(item: Item, reply: Reply) -> Grade:
    if not item.target:
        return Grade(score=None, reason="the item has no gold reply")
    if not reply.likelihoods:
        return Grade(score=None, reason="no likelihood")
    target = reply.likelihoods[0]
    if target.tokens < 1:
        return Grade(score=None, reason="the target has no tokens")
    return Grade(score=-target.total / target.tokens)
