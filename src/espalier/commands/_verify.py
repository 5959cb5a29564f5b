"""`run --verify`: train what is recommended and its baselines, and tell what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._recommend import show_verification

if TYPE_CHECKING:
    from espalier.plan import Plan
    from espalier.recommendation import Recommendation
    from espalier.run import Outcome
    from espalier.store import Store
    from espalier.verify import Verification


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was verified, or why nothing was."""

    advice: Mapping[str, Any]
    """The recommendation, as JSON values."""
    verification: Verification | None
    outcome: Outcome | None
    why: str = ""

    @property
    def complete(self) -> bool:
        """Say whether everything that was to be verified is measured."""
        return self.outcome is not None and self.outcome.complete

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        if self.verification is None or self.outcome is None:
            return {"refused": self.why}
        told = self.verification.to_dict()
        failed = dict(self.outcome.failed)
        return {n: told[n] for n in ("inside", "of", "utilities", "checks")} | {"failed": failed}

    def show(self) -> None:
        """Print it for a person."""
        if self.verification is None:
            click.echo(f"Nothing to verify: {self.why}.")
        else:
            show_verification(self.verification)


def verified(
    planned: Plan,
    store: Store,
    site: Mapping[str, Any],
    out: Path,
    *,
    budget: Mapping[str, float],
    utility: Mapping[str, float],
    floors: Mapping[str, float],
    quiet: bool,
) -> Verified:
    """Recommend from what is measured, train that and the baselines, and write what came.

    `verify.json` holds predicted against measured, `verify.csv` the measured rows, both in `out`.
    """
    from espalier import results
    from espalier.commands._run import execute
    from espalier.files import write_whole
    from espalier.outputs import measured, tabulate
    from espalier.recommend import recommend
    from espalier.verify import compare, plan_of, setting_of

    table = tabulate(planned, store, measured(planned, store))
    found = recommend(
        table, budget=budget, utility=utility, floors=floors, setting=setting_of(planned, store)
    )
    if found.choice is None:
        return Verified(advice=_plain(found), verification=None, outcome=None, why=found.refused)
    derived = plan_of(planned, found)
    outcome = execute(derived, store, site, quiet=quiet)
    for key, why in list(outcome.failed.items())[:5]:
        click.echo(f"failed: {derived.steps[key].kind} {key}: {why}", err=True)
    rows = measured(derived, store)
    verification = compare(found, tabulate(derived, store, rows))
    out.mkdir(parents=True, exist_ok=True)
    results.write(rows, out / "verify.csv")
    write_whole(out / "verify.json", verification.to_json())
    return Verified(advice=_plain(found), verification=verification, outcome=outcome)


def _plain(found: Recommendation) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(found.to_dict(), default=float))
    return told
