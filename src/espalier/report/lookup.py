"""Which measure a finding is about, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from espalier.report.numbers import Unit
from espalier.report.view import Measure, View
from espalier.report.words import Words


def is_of(finding: Mapping[str, Any], measure: Measure) -> bool:
    """Say whether a finding is about this measure; an empty suite or protocol matches any."""
    return (
        finding["ability"] == measure.ability
        and finding["metric"] == measure.metric
        and finding.get("suite") in (None, "", measure.suite)
        and finding.get("protocol") in (None, "", measure.protocol)
    )


def unit(finding: Mapping[str, Any], view: View, words: Words) -> Unit:
    """Return how the finding's scores are written; what averages abilities is in shares."""
    measure = next((m for m in view.measures if is_of(finding, m)), None)
    share = measure.share if measure else finding["ability"] == "overall"
    return Unit(share, words("unit.points"), words("unit.to"))
