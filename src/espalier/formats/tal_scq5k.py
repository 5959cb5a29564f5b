"""TAL-SCQ5K: `{"problem", "answer_option_list", "answer_value", "answer_analysis"}`.

The reply is the worked analysis and then the letter, as one learns to reason before answering.
"""

from collections.abc import Iterator

from espalier.errors import DataError
from espalier.format import Format, Record, Turn, listed, text


def _matches(record: Record) -> bool:
    return "answer_option_list" in record and "answer_value" in record


def _turns(record: Record) -> Iterator[Turn]:
    options = [_option(group) for group in listed(record, "answer_option_list")]
    yield "user", "\n".join([text(record, "problem").strip(), *options])
    analysis = "\n".join(str(part).strip() for part in record.get("answer_analysis") or ())
    yield "assistant", f"{analysis}\n答案：{text(record, 'answer_value')}".strip()


def _option(group: object) -> str:
    match group:
        case [{"aoVal": str(letter), "content": str(content)}, *_]:
            return f"{letter}. {content.strip()}"
    raise DataError("'answer_option_list' holds something other than options")


tal_scq5k = Format(
    columns=("problem", "answer_option_list", "answer_value", "answer_analysis"),
    matches=_matches,
    turns=_turns,
)
