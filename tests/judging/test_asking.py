"""A judge is asked once for each judgment, however endpoint, machine or user behave."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from courtroom import Court, court
from espalier.ability import Message
from espalier.errors import JudgeError, MissingError
from espalier.judging import Judge, Judgment, Means, Request, Unanswered, ask
from espalier.judging.answers import Answers, Purse

JUDGE = Judge(model="referee", may_fail=0)
QUICK: dict[str, Any] = {"wait": 0.01, "retries": 3, "timeout": 5.0, "concurrency": 4}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ESPALIER_JUDGE", "ESPALIER_CACHE"):
        monkeypatch.delenv(name, raising=False)


def requests(count: int) -> list[Request]:
    return [
        Request(messages=(Message(role="user", content=f"rate number {i}"),)) for i in range(count)
    ]


def means(held: Court, folder: Path, **given: Any) -> Means:
    return Means(endpoint=held.url, cache=str(folder), **(QUICK | given))


def asked(held: Court, folder: Path, count: int, **given: Any) -> list[Judgment | Unanswered]:
    judge = JUDGE.model_copy(update={"may_fail": given.pop("may_fail", 0)})
    return list(ask(judge, means(held, folder, **given), requests(count)))


def refused(held: Court, folder: Path, count: int, **given: Any) -> str:
    with pytest.raises(JudgeError) as caught:
        asked(held, folder, count, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def number(request: dict[str, Any]) -> str:
    return f"[[{int(request['messages'][-1]['content'].rpartition(' ')[2]) % 10 + 1}]]"


def test_answers_come_in_the_order_of_the_requests_several_at_once(tmp_path: Path) -> None:
    with court(say=number, delay=0.02) as held:
        given = asked(held, tmp_path, 12)
    assert [one.text for one in given if isinstance(one, Judgment)] == [
        f"[[{i % 10 + 1}]]" for i in range(12)
    ]
    assert 1 < held.most_at_once <= 4
    assert held.asked[0] == {
        "model": "referee",
        "messages": held.asked[0]["messages"],
        "temperature": 0.0,
        "max_tokens": 2048,
    }
    assert {one.served_by for one in given if isinstance(one, Judgment)} == {"referee-0613"}


def test_nothing_is_asked_twice_and_nothing_at_all_without_need(tmp_path: Path) -> None:
    with court() as held:
        first = asked(held, tmp_path, 5)
        again = asked(held, tmp_path, 7)
    assert again[:5] == first
    assert len(held.asked) == 7
    assert asked(held, tmp_path, 7) == again, "the endpoint is gone, and not needed"


def test_the_same_request_twice_in_one_list_is_asked_once(tmp_path: Path) -> None:
    with court(delay=0.05) as held:
        given = list(ask(JUDGE, means(held, tmp_path), requests(2) * 3))
    assert len(given) == 6
    assert len(held.asked) == 2


def test_another_judge_version_temperature_prompt_or_repeat_is_another_question(
    tmp_path: Path,
) -> None:
    one = requests(1)[0]
    with court() as held:
        for judge, request in [
            (JUDGE, one),
            (JUDGE.model_copy(update={"model": "umpire"}), one),
            (JUDGE.model_copy(update={"version": "May"}), one),
            (JUDGE.model_copy(update={"temperature": 1.0}), one),
            (JUDGE.model_copy(update={"temperature": None, "max_tokens": None}), one),
            (JUDGE.model_copy(update={"extra": {"reasoning_effort": "low"}}), one),
            (JUDGE, Request(messages=one.messages, repeat=1)),
            (JUDGE, requests(2)[1]),
            (JUDGE, one),
            (JUDGE.model_copy(update={"may_fail": 3, "repeats": 4}), one),
        ]:
            list(ask(judge, means(held, tmp_path), [request]))
    assert len(held.asked) == 8
    assert held.asked[4].keys() == {"model", "messages"}
    assert held.asked[5]["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    "mishap",
    ["429", "429 0.05", "500", "503", "408", "garbage", "wrong", "half", "hang_up", "short"],
)
def test_a_mishap_is_tried_again(mishap: str, tmp_path: Path) -> None:
    with court(mishaps=[mishap, mishap]) as held:
        given = asked(held, tmp_path, 3)
    assert all(isinstance(one, Judgment) for one in given)
    assert len(held.asked) == 5
    assert set(held.answered.values()) == {1}


@pytest.mark.parametrize("mishap", ["never", "drip"])
def test_silence_ends_at_the_timeout(mishap: str, tmp_path: Path) -> None:
    with court(mishaps=[mishap]) as held:
        given = asked(held, tmp_path, 2, timeout=0.3)
    assert all(isinstance(one, Judgment) for one in given)
    assert len(held.asked) == 3


def test_all_wait_as_long_as_the_endpoint_says(tmp_path: Path) -> None:
    with court(mishaps=["429 0.4"]) as held:
        start = time.monotonic()
        asked(held, tmp_path, 1, wait=0.001)
        assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(
    ("always", "said"),
    [
        ("429", "HTTP 429: .*status 429.*4 times in each of 3 requests"),
        ("500", "HTTP 500"),
        ("garbage", "no answer of the protocol: <html>"),
        ("half", "no answer of the protocol"),
        ("hang_up", "no connection|broke off"),
        ("429 3600", "asks to wait 3600 s"),
        ("401", "HTTP 401"),
        ("404", "HTTP 404"),
        ("400", "HTTP 400"),
    ],
)
def test_what_lasts_is_one_line_and_ends_the_asking(always: str, said: str, tmp_path: Path) -> None:
    with court(always=always) as held:
        line = refused(held, tmp_path, 40)
    assert re.search(said, line), line
    assert "0 of 40 judgments are kept" in line
    assert len(held.asked) <= 28, "a dead endpoint is not asked 40 times over"


def test_an_endpoint_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with court() as held:
        pass
    assert "judge referee at http://127.0.0.1" in refused(held, tmp_path, 3)


def test_after_a_failure_the_same_command_goes_on(tmp_path: Path) -> None:
    with court(mishaps=["", "", "", *["500"] * 4]) as held:
        line = refused(held, tmp_path, 10, concurrency=1)
        assert "1 of 10 requests stay unanswered (HTTP 500" in line
        assert "9 of 10 judgments are kept" in line
        asked(held, tmp_path, 10)
    assert set(held.answered.values()) == {1}
    assert len(held.answered) == 10


def test_a_refused_request_leaves_the_others_alone(tmp_path: Path) -> None:
    with court(mishaps=["", "400"]) as held:
        given = asked(held, tmp_path, 4, concurrency=1)
    lost = [one for one in given if isinstance(one, Unanswered)]
    assert len(lost) == 1
    assert lost[0].reason.startswith("HTTP 400")
    assert len(held.asked) == 4, "it is not tried again"


def test_some_may_fail_where_the_user_says_so(tmp_path: Path) -> None:
    with court(mishaps=["500"] * 4) as held:
        given = asked(held, tmp_path, 4, concurrency=1, may_fail=1)
    assert [isinstance(one, Unanswered) for one in given] == [True, False, False, False]


def test_a_limit_on_requests_ends_the_asking_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    with court() as held:
        line = refused(held, tmp_path, 10, most_requests=4)
        assert "most_requests 4 is reached (4 spent" in line
        assert "4 of 10 judgments are kept" in line
        assert len(held.asked) == 4
        refused(held, tmp_path, 10, most_requests=4)
        assert len(held.asked) == 4, "a new start is no new budget"
        asked(held, tmp_path, 10, most_requests=10)
    assert len(held.asked) == 10
    assert set(held.answered.values()) == {1}


def test_retries_count_as_requests(tmp_path: Path) -> None:
    with court(mishaps=["500", "500"]) as held:
        refused(held, tmp_path, 3, most_requests=3, concurrency=1)
    assert len(held.asked) == 3


@pytest.mark.parametrize("usage", [True, False])
def test_limits_on_tokens_and_cost_stop_once_reached(tmp_path: Path, usage: bool) -> None:
    price = {"input": 10_000.0, "output": 100_000.0}
    with court(usage=usage) as held:
        line = refused(held, tmp_path / "a", 10, most_tokens=250 if usage else 30, concurrency=1)
        assert "most_tokens" in line
        assert len(held.asked) == 3, "110 tokens each, or 12 by their length"
        line = refused(held, tmp_path / "b", 10, most_cost=3, price=price, concurrency=1)
        assert "most_cost 3 is reached" in line
        assert len(held.asked) == 3 + (2 if usage else 4)


def test_half_a_line_of_the_ledger_costs_no_other_line(tmp_path: Path) -> None:
    with court() as held:
        asked(held, tmp_path, 2)
        answers = Answers(JUDGE, means(held, tmp_path))
        file = answers.folder / "spent.jsonl"
        with file.open("ab") as stream:
            stream.write(b'{"requests": 7')
        asked(held, tmp_path, 3)
        assert Purse(answers, means(held, tmp_path)).requests == 3


def test_a_damaged_answer_is_asked_again_and_a_folder_without_leave_refused(tmp_path: Path) -> None:
    with court() as held:
        asked(held, tmp_path, 1)
        file = next(tmp_path.rglob("*.json"))
        file.write_text(file.read_text()[:50])
        asked(held, tmp_path, 1)
        assert len(held.asked) == 2
        (tmp_path / "plain").write_text("")
        with pytest.raises(MissingError, match=r"cannot be written.*ESPALIER_CACHE"):
            asked(held, tmp_path / "plain", 1)
    assert len(held.asked) == 2


def test_no_key_is_ever_written_or_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "my-own-secret-0123456789")
    with court() as held:
        asked(held, tmp_path, 2)
        assert held.keys == {"Bearer my-own-secret-0123456789"}
        held.say = lambda request: "" if held.always else "x"
        held.always = "401"
        said = refused(held, tmp_path, 3)
    kept = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert "my-own-secret" not in kept + said


def test_an_address_with_a_password_is_said_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hush@127.0.0.1:1/v1?key=hush")
    with pytest.raises(JudgeError, match=r"at http://127\.0\.0\.1:1/v1: ") as caught:
        list(ask(JUDGE, Means(cache=str(tmp_path), retries=0, wait=0.01), requests(1)))
    assert "hush" not in str(caught.value)


def test_openai_itself_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="set OPENAI_API_KEY, or name an endpoint"):
        list(ask(JUDGE, Means(cache=str(tmp_path)), requests(1)))


@pytest.fixture
def slow() -> Iterator[Court]:
    with court(delay=0.15) as held:
        yield held


CHILD = """
import sys
from espalier.judging import Judge, Means, Request, ask
asked = [Request(messages=({"role": "user", "content": f"rate {i}"},)) for i in range(30)]
means = Means(endpoint=sys.argv[1], cache=sys.argv[2], concurrency=3)
print(sum(1 for _ in ask(Judge(model="referee"), means, asked)), flush=True)
"""


def child(held: Court, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, held.url, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_it_goes_on_and_pays_for_no_answer_twice(
    slow: Court, tmp_path: Path
) -> None:
    first = child(slow, tmp_path)
    while len(slow.asked) < 10:
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(0.3)  # what was in flight is answered into the void
    kept = {
        json.dumps(json.loads(file.read_text())["request"]["messages"])
        for file in tmp_path.rglob("*.json")
    }
    sent = len(slow.asked)
    assert 0 < len(kept) <= sent < 30
    second = child(slow, tmp_path)
    assert second.communicate()[0].strip() == "30"
    assert len(slow.asked) - sent == 30 - len(kept), "exactly what is not kept is asked"
    assert sum(slow.answered.values()) - 30 <= 3, "twice at most what was in flight"
    assert all(slow.answered[message] == 1 for message in kept)


def test_two_processes_at_once_pay_once(slow: Court, tmp_path: Path) -> None:
    both = [child(slow, tmp_path), child(slow, tmp_path)]
    assert [one.communicate()[0].strip() for one in both] == ["30", "30"]
    assert len(slow.asked) == 30
    assert set(slow.answered.values()) == {1}
    assert not list(tmp_path.rglob("answers/**/*.lock"))
