r"""How DoIT (Song et al., 2023) finds the answer in a reply, mended, and as its code does it.

What the published rules get wrong, and what is done here instead:

* choice: only a reply of one character is read, anything else goes to the letters' likelihoods;
  here `B. 细胞` and `答案是 B` are read, too;
* true or false: `不正确` holds `正确` and counts as true, and any `T` or `V` in an English word
  counts; here a negation turns the word round, and a letter stands for itself;
* blank: the first run of Chinese characters is taken even where it is `答案是`; here what leads up
  to the answer is passed over;
* multi-select: any `A` to `F` in the last line counts, the `A` of `Answer` too; here a letter
  stands for itself, or in a run of such letters (`BD`, `B、D`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from espalier.scorers._boxed import boxed
from espalier.scorers._numbers import plain_text, values

KINDS = ("choice", "true_false", "blank", "multi_select", "math")

_TRUE, _FALSE = "正确|对|T|√|V", "错误|错|F|×|X"
_ALONE = r"(?:^|[是为选填:(\[])\s*(?:{})(?![A-Za-z\u4e00-\u9fff])"
"""A letter that is the verdict: at the start or after such a word, and no part of a word."""
_NOT_TRUE = re.compile(r"(?:不|没有|并非|未必)(?:是|完全|算)?(?:正确|对)|有误")
_NOT_FALSE = re.compile(r"(?:不|没|没有|并非|无)(?:是|算)?(?:错误|错)|无误")
_SAYS_TRUE = re.compile(rf"正确|对(?![于应象比方待话抗立策手称])|√|✓|✔|{_ALONE.format('T|V|True')}")
_SAYS_FALSE = re.compile(rf"错误|错|×|✗|✘|{_ALONE.format('F|X|False')}")
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_LEAD = re.compile(
    r".*?(?:答案?|空格?处?|横线[处上]?|此处|应该?)\s*(?:应该?)?(?:是|为|填入?|:)\s*:?"
    r"[\s“”\"'「『《〈【\[(]*(?=[\u3400-\u9fff])",
    re.DOTALL,
)
_RUN = re.compile(r"(?<![A-Za-z])[A-F]+(?![A-Za-z])")
_CHOSEN = re.compile(r"(?:答案|选项?|选择)\s*(?:应该?)?[是为]?\s*:?\s*\(?([A-F])(?![A-Za-z])")
_WRAP = re.compile(r"\\(?:text|mathrm|mathbf|mbox|textbf)\s*\{([^{}]*)\}")
_NOISE = re.compile(r"\\(?:left|right|displaystyle|[,!;: ])|[\s$\\]*(?:\^\s*\{?\\circ\}?)|[$\s]")


def find(kind: str, reply: str, *, as_published: bool) -> str | None:
    """Return the answer in a reply, in one plain way, or None where there is none."""
    finder = (_PUBLISHED if as_published else {}).get(kind) or _MENDED[kind]
    return finder(reply)


def same(kind: str, given: str, wanted: str) -> bool:
    """Say whether two answers of one kind are one answer."""
    if kind != "math":
        return given == wanted
    left, right = _tidy(given), _tidy(wanted)
    return left == right or (_bare_value(left) or left) == (_bare_value(right) or right)


def _letter(reply: str) -> str | None:
    """Return the letter a reply settles on: the one that is all of it, opens it, or is chosen."""
    said = plain_text(reply).strip()
    if re.fullmatch("[A-Fa-f]", said):
        return said.upper()
    if opening := re.match(r"\(?([A-F])(?:[).、:\s]|$)", said):
        return opening[1]
    found = _CHOSEN.findall(said)
    return found[-1] if found else None


def _choice(reply: str) -> str | None:
    bare = reply.strip()
    return bare if len(bare) == 1 else None


def _true_false(reply: str) -> str | None:
    said = plain_text(reply).strip()
    rest = _NOT_FALSE.sub(" ", _NOT_TRUE.sub(" ", said))
    yes = bool(_NOT_FALSE.search(said) or _SAYS_TRUE.search(rest))
    no = bool(_NOT_TRUE.search(said) or _SAYS_FALSE.search(rest))
    return None if yes == no else "T" if yes else "F"


def _true_false_published(reply: str) -> str | None:
    yes, no = bool(re.search(_TRUE, reply)), bool(re.search(_FALSE, reply))
    return None if yes == no else "T" if yes else "F"


def _blank(reply: str) -> str | None:
    said = plain_text(reply)
    lead = _LEAD.match(said)
    return _blank_published(said[lead.end() :] if lead else said)


def _blank_published(reply: str) -> str | None:
    found = _CHINESE.search(reply)
    return found[0] if found else None


def _multi_select(reply: str) -> str | None:
    runs = _RUN.findall(_last_line(plain_text(reply)))
    return "".join(sorted(set("".join(runs)))) or None


def _multi_select_published(reply: str) -> str | None:
    return "".join(sorted(set(re.findall("[A-F]", _last_line(reply))))) or None


def _math(reply: str) -> str | None:
    r"""Return what follows 答案; of it the last \boxed, else the last $..$, else what follows `=`.

    Else the last number.
    """
    said = reply.rpartition("答案")[2] if "答案" in reply else reply
    if found := boxed(said):
        return found[-1]
    if found := re.findall(r"\$+([^$]+)\$+", said):
        return str(found[-1])
    if "=" in said:
        tail = said.rpartition("=")[2].strip().partition("\n")[0].strip(" .。,，;；")
        if tail:
            return tail
    numbers = [*values(said)]
    return numbers[-1].plain if numbers else None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _tidy(answer: str) -> str:
    """Write a LaTeX answer in one way: no spacing, no units, no `x =`."""
    bare = _WRAP.sub(
        r"\1", plain_text(answer).replace("\\dfrac", "\\frac").replace("tfrac", "frac")
    )
    bare = _NOISE.sub("", bare).replace("{,}", ",").rstrip(".。")
    bare = re.sub(r"\\(sqrt|frac)([0-9a-z])(?![{\w])", r"\\\1{\2}", bare)
    bare = re.sub(r"\\frac([0-9])([0-9])", r"\\frac{\1}{\2}", bare)
    left, equals, right = bare.partition("=")
    return right if equals and len(left) <= 2 and "=" not in right else bare


def _bare_value(answer: str) -> str | None:
    """Return the value of an answer that is one number with at most a Chinese unit, else None."""
    found = [*values(answer)]
    if len(found) != 1 or re.search(r"[a-z(\[^_]", answer.replace("\\frac", "")):
        return None
    return found[0].plain


_MENDED: Mapping[str, Callable[[str], str | None]] = {
    "choice": _letter,
    "true_false": _true_false,
    "blank": _blank,
    "multi_select": _multi_select,
    "math": _math,
}
_PUBLISHED: Mapping[str, Callable[[str], str | None]] = {
    "choice": _choice,
    "true_false": _true_false_published,
    "blank": _blank_published,
    "multi_select": _multi_select_published,
}
