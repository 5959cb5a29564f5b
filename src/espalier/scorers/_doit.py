r"""How DoIT (Song et al., 2023) finds the answer in a reply, mended, and as its code does it.

What the published rules get wrong, and what is done here instead:

* choice: only a reply of one character is read, anything else is left to the likelihoods; here
  `B. 细胞` and `答案是 B` are read, too;
* true or false: `不正确` holds `正确` and counts as true, and so does any `T` in an English word;
  here a denial turns a word round, and a letter stands for itself;
* blank: the first run of Chinese characters is taken even where it is `答案是`; here what leads up
  to the answer is passed over;
* multi-select: any `A` to `F` in the last line counts, the `A` of `Answer` too; here a letter
  stands for itself, or among others (`BD`, `B、D`).

The published code reads the letters' scores at the last generated step rather than the first; that
cannot be repeated from a reply and likelihoods, and is mended in either case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from espalier.scorers._boxed import boxed
from espalier.scorers._letters import letters, verdict
from espalier.scorers._numbers import plain_text, values

KINDS = ("choice", "true_false", "blank", "multi_select", "math")

_TRUE, _FALSE = re.compile("正确|对|T|√|V"), re.compile("错误|错|F|×|X")
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_LEAD = re.compile(
    r".*?(?:答案?|空格?处?|横线[处上]?|此处|应该?)\s*(?:应该?)?(?:是|为|填入?|:)\s*:?"
    r"[\s“”\"'「『《〈【\[(]*(?=[\u3400-\u9fff])",
    re.DOTALL,
)
_FORMULA = re.compile(r"\w+/\w+|-?[0-9][0-9,， -]*")
_BRACKETED = re.compile(r"sqrt\([^)]*\)|[\[(][^\[\]()]*,[^\[\]()]*[\])]")
"""A root, a point or an interval in plain text."""
_WRAP = re.compile(r"\\(?:text|mathrm|mathbf|mbox|textbf)\s*\{([^{}]*)\}")
_NOISE = re.compile(r"\\(?:left|right|displaystyle|[,!;: ])|\s*\^\s*\{?\\circ\}?|[$\s]")
_OPTIONS = ("",) * 6
"""Where the options' texts are not known: A to F."""


def find(kind: str, reply: str, *, as_published: bool) -> str | None:
    """Return the answer in a reply, in one plain way, or None where there is none."""
    finder = (_PUBLISHED if as_published else {}).get(kind) or _MENDED[kind]
    return finder(reply)


def same(kind: str, given: str, wanted: str) -> bool:
    """Say whether an answer that was found is the item's; `wanted` is as the data writes it."""
    if kind == "true_false":
        return given == _true_false(wanted)
    if kind == "multi_select":
        return given == _multi_select_published(wanted)
    if kind != "math":
        return given == wanted.strip()
    left, right = _tidy(given), _tidy(wanted)
    return left == right or (_bare_value(left) or left) == (_bare_value(right) or right)


def _choice(reply: str) -> str | None:
    found = letters(reply, options=_OPTIONS)
    return found[0] if found else None


def _choice_published(reply: str) -> str | None:
    bare = reply.strip()
    return bare if len(bare) == 1 else None


def _true_false(reply: str) -> str | None:
    said = "√" if reply.strip() == "V" else reply  # V is a tick here
    truth = verdict(said.replace("有误", "错误").replace("无误", "正确"))
    return None if truth is None else "T" if truth else "F"


def _true_false_published(reply: str) -> str | None:
    yes, no = bool(_TRUE.search(reply)), bool(_FALSE.search(reply))
    return None if yes == no else "T" if yes else "F"


def _blank(reply: str) -> str | None:
    said = plain_text(reply)
    lead = _LEAD.match(said)
    return _blank_published(said[lead.end() :] if lead else said)


def _blank_published(reply: str) -> str | None:
    found = _CHINESE.search(reply)
    return found[0] if found else None


def _multi_select(reply: str) -> str | None:
    return "".join(letters(reply, options=_OPTIONS, several=True) or ()) or None


def _multi_select_published(reply: str) -> str | None:
    lines = [line for line in reply.splitlines() if line.strip()]
    return "".join(sorted(set(re.findall("[A-F]", lines[-1] if lines else "")))) or None


def _math(reply: str) -> str | None:
    """Look after 答案: into the last box or dollars, at a bare formula, after `=`, at a number.

    Of `x = 3` it is the 3 that counts, and of `1 或 -1` both.
    """
    said = (reply.rpartition("答案")[2] if "答案" in reply else reply).strip()
    marked = boxed(said) or re.findall(r"\$+([^$]+)\$+", said)
    if marked:
        return str(marked[-1]).rpartition("=")[2].strip().replace("或", ", ") or None
    bare = said.strip(" .。:：")
    if _FORMULA.fullmatch(bare):
        return bare
    if found := _BRACKETED.findall(said):
        return str(found[-1])
    _, equals, right = said.rpartition("=")
    if equals and (tail := right.strip().partition("\n")[0].strip(" .。,，;；")):
        return tail
    numbers = [*values(said)]
    return numbers[-1].plain if numbers else None


def _tidy(answer: str) -> str:
    """Write a LaTeX answer in one way: no spacing, no units, no `x =`."""
    bare = _WRAP.sub(r"\1", re.sub(r"\\[dt]frac", r"\\frac", plain_text(answer)))
    bare = _NOISE.sub("", bare).replace("{,}", ",").rstrip(".。")
    bare = re.sub(r"\\sqrt([0-9a-z])", r"\\sqrt{\1}", bare)
    bare = re.sub(r"\\frac([0-9])([0-9])", r"\\frac{\1}{\2}", bare)
    left, equals, right = bare.partition("=")
    return right if equals and len(left) <= 2 and "=" not in right else bare


def _bare_value(answer: str) -> str | None:
    """Return the value of an answer that is one number with at most a Chinese unit, else None."""
    found = [*values(answer)]
    if len(found) != 1 or re.search(r"[a-zA-Z(\\[^_]", answer.replace("\\frac", "")):
        return None
    return found[0].plain


_MENDED: Mapping[str, Callable[[str], str | None]] = {
    "choice": _choice,
    "true_false": _true_false,
    "blank": _blank,
    "multi_select": _multi_select,
    "math": _math,
}
_PUBLISHED: Mapping[str, Callable[[str], str | None]] = {
    "choice": _choice_published,
    "true_false": _true_false_published,
    "blank": _blank_published,
    "multi_select": _multi_select_published,
}
