"""The events of a world's history: shared by `history` and `planner`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from espalier.tunnel.world import VALUES, World, listed

KINDS = listed("siege revolt march race feast trial strike raid")
"""What happens in cities, and somebody leads it."""

_COUNT = 40
_YEARS = range(31, 100)
"""Later than the counts of a default world get, so a year is no count."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened once."""

    name: str
    """What it is called: its kind and its city."""
    year: int
    leader: str


@cache
def events(world: World) -> tuple[Event, ...]:
    """Return what happened; no two events share their kind and city, year or leader."""
    random = world.random("events")
    every = [f"{kind} of {city}" for city in VALUES["city"] for kind in random.sample(KINDS, 2)]
    count = min(_COUNT, len(world.names))
    names = random.sample(every, count)
    years, leaders = random.sample(_YEARS, count), random.sample(world.names, count)
    return tuple(
        Event(name=name, year=year, leader=leader)
        for name, year, leader in zip(names, years, leaders, strict=True)
    )
