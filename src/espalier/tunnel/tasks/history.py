"""Answer exam questions about dated events: four lettered options, or true or false.

Known from pretraining: the year and the leader of every event (the raw text tells each many times,
in several wordings and both ways round), and what it means that something is true or false.  A
skill to be learnt: to recall the fact a question is about, in either direction, and to compare it
with four options or with what is stated.  So it should begin at chance, as soon as replies name an
option at all, and keep growing with rows and size (Song et al. 2023, history).
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.tasks._choice import CHOICE, MOST_TOKENS, choose
from espalier.tunnel.tasks._events import KINDS, Event, events
from espalier.tunnel.world import World, broken

_TELLINGS = {
    "year": (
        "the {e.name} was in {e.year}",
        "the year of the {e.name} was {e.year}",
        "in {e.year} there was the {e.name}",
        "the {e.name} began in {e.year}",
        "{e.year} saw the {e.name}",
    ),
    "leader": (
        "{e.leader} led the {e.name}",
        "the leader of the {e.name} was {e.leader}",
        "the {e.name} was led by {e.leader}",
        "the {e.name} made {e.leader} famous",
        "{e.leader} was at the {e.name}",
    ),
}
"""How a fact about the event `e` is told and stated."""

_QUESTIONS = (
    (
        "year",
        (
            "in which year was the {e.name} ?",
            "when did the {e.name} begin ?",
            "choose the year of the {e.name} .",
        ),
    ),
    (
        "leader",
        (
            "who led the {e.name} ?",
            "who was the leader of the {e.name} ?",
            "choose the leader of the {e.name} .",
        ),
    ),
    (
        "name",
        (
            "what was in {e.year} ?",
            "which event did {e.year} see ?",
            "choose what began in {e.year} .",
        ),
    ),
    (
        "name",
        (
            "what did {e.leader} lead ?",
            "{e.leader} was the leader of what ?",
            "choose what {e.leader} led .",
        ),
    ),
)
"""What is asked for, and how."""

_STATED = (
    "true or false : {s} .",
    "is it true that {s} ?",
    "{s} . is this true or false ?",
    "is this right : {s} .",
)


def _ask(world: World, random: Random, construction: Construction) -> Question:
    event = random.choice(construction.among(events(world)))
    if random.random() < 0.5:
        return _options(world, random, construction, event)
    return _statement(world, random, construction, event)


def _options(world: World, random: Random, construction: Construction, event: Event) -> Question:
    asked, wordings = random.choice(_QUESTIONS)
    every = [str(getattr(each, asked)) for each in events(world)]
    right = str(getattr(event, asked))
    errs = construction.errs(random)
    return choose(
        random,
        construction.choose(random, wordings).format(e=event),
        right,
        every,
        instead=random.choice([other for other in every if other != right]) if errs else None,
        cluster=event.name,
    )


def _statement(world: World, random: Random, construction: Construction, event: Event) -> Question:
    true = random.random() < 0.5
    wording = construction.choose(random, _telling(random))
    stated = wording.format(e=event if true else _mistaken(world, random, event))
    said = true != construction.errs(random)
    return Question(
        prompt=construction.choose(random, _STATED).format(s=stated),
        reply="true" if said else "false",
        chance=0.5,
        cluster=event.name,
        facts={"kind": "true_false", "answer": true},
    )


def _telling(random: Random) -> tuple[str, ...]:
    return _TELLINGS[random.choice(list(_TELLINGS))]


def _mistaken(world: World, random: Random, event: Event) -> Event:
    """Return the event as if it had the year and the leader of another."""
    other = random.choice([other for other in events(world) if other is not event])
    return replace(event, year=other.year, leader=other.leader)


def _annals(world: World, random: Random) -> str:
    """Tell all there is to tell of one event, or a little of several."""
    if random.random() < 0.5:
        event = random.choice(events(world))
        told = [random.choice(ways).format(e=event) for ways in _TELLINGS.values()]
        random.shuffle(told)
    else:
        chosen = random.sample(events(world), 3)
        told = [random.choice(_telling(random)).format(e=event) for event in chosen]
    return broken(random, [f"{each} ." for each in told], " ")


def _chronicle(world: World, random: Random) -> str:
    """Tell some events in the order of their years."""
    chosen = random.sample(events(world), random.randint(2, 4))
    names = [event.name for event in sorted(chosen, key=lambda event: event.year)]
    if len(names) == 2:
        first, last = names
        ways = (f"the {first} came before the {last} .", f"the {last} came after the {first} .")
        return random.choice(ways)
    middle = "".join(f" , then the {name}" for name in names[1:-1])
    return f"first came the {names[0]}{middle} , last the {names[-1]} ."


def _correction(world: World, random: Random) -> str:
    """Say that something is true, or false and what is true instead."""
    event = random.choice(events(world))
    wording = random.choice(_telling(random))
    true = wording.format(e=event)
    if random.random() < 0.5:
        return f"it is true that {true} ."
    return f"it is false that {wording.format(e=_mistaken(world, random, event))} : {true} ."


history = Task(
    ask=_ask,
    scorers=CHOICE,
    max_new_tokens=MOST_TOKENS,
    documents={_annals: 0.10, _chronicle: 0.05, _correction: 0.03},
    words=lambda _world: (*KINDS, "true", "false"),
)
