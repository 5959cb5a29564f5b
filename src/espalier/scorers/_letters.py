r"""What a reply to an exam question answers: letters, a verdict, or the words for a blank.

English and Chinese.  The rules of `letters`; the first that finds something decides:

1. the whole reply is letters, or what it puts into a box is: `B`, `（Ｂ）`, `A、C`, `\boxed{D}`;
2. letters are announced: `答案是B`, `故选 C`, `The answer is (C).`; the last announcement counts,
   and a denied one (`答案不是A`) is none;
3. letters are called right: `B项正确`, `A and C are correct`;
4. all of the reply is options with letters, `C pears`, `fall of Rome C`, `A fish , B honey`: where
   they disagree, the letter counts, but an `A` may be an article, so that `A fish` says both;
5. the reply begins with a letter: `B. 37.8°C`, `(C) because`; where several may be chosen also a
   list of lines that each begin with one;
6. the text of an option is repeated: `土地`, `答案是土地`;
7. one letter alone is named, anywhere.

Full-width letters and punctuation are read as their plain forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase

_MARKUP = re.compile(r"\*\*|__|`|\\(?:text|textbf|mathrm|mathbf)\b|[${}]")
_BOX = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_NOISE = re.compile(r"[\W_]+")

_ENDS = r"(?![A-Za-z])"
_DENIAL = (
    r"\s*[)\].]?\s*(?:选?项)?(?:的?(?:说法|叙述|表述|描述))?\s*"
    r"(?:不|错|(?:is|are|was)\s+(?:not|wrong|incorrect|false)|isn't|aren't)"
)
_GAP = r"[\s:\"'“”‘’<\[=]*(?:the\s+)?(?:option|choice|letter|选项|选择)?[\s:\"'“”‘’<\[=]*"
_ANNOUNCED = "|".join(
    (
        # the answer is (C); Answers: A and C; the correct option is B; I choose D
        r"answers?\b(?:\s+(?:choices?|options?|letters?))?[\s:=\"']*"
        r"(?:(?:is|are|be|would|should|must|will|seems?|to|therefore|thus|clearly|likely|probably|"
        r"then|definitely|indeed)\b[\s:=\"']*)*",
        r"(?:choice|option)s?\b\s*(?:(?:is|are|would\s+be|should\s+be|must\s+be)\b[\s:]*)+",
        r"\bI(?:'ll|\s+will|\s+would)?\s+(?:choose|chose|pick|select|go\s+with)\b\s*",
        # 答案是B；正确选项为C；故选D；我们应选择A
        r"(?:答案|选项)(?:应该?|应当|就|便|只能|可能)?(?:选择?|是|为|:|=|即|包括|分别)+(?:选择?|:|的)*",
        r"(?<![不别勿可供备])(?<!不应)(?<!不能)(?<!不可)(?<!不会)选(?!项)(?:择|出)?(?:的?是|为|:|答案)*",
        r"答案",
    )
)
_RIGHT = (
    r"[)\].]*\s*(?:选?项|答案)?(?:的?(?:说法|叙述|表述|描述|判断|理解|分析))?\s*(?:都|均|才)?"
    r"(?:是?正确|符合题意|当选|是对的|"
    r"(?:is|are)\s+(?:(?:the|both|all|clearly|therefore)\s+)*(?:correct|right|true|best|answers?)\b)"
)


def plain(text: str) -> str:
    """Return full-width forms as plain ones, without markup and white space around."""
    return _MARKUP.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def squeezed(text: str) -> str:
    """Return only the letters and digits of `text`, in small: for comparing what is said."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).lower()


def letters(reply: str, *, options: Sequence[str], several: bool = False) -> tuple[str, ...] | None:
    """Return the letters that `reply` chooses among `options`, sorted, or None for no answer.

    Where only one may be chosen (not `several`), a reply that chooses more has no answer.
    """
    rules = _rules(max(2, len(options)), several)
    boxes = _BOX.findall(unicodedata.normalize("NFKC", reply))
    text = rules.raised(plain(reply))
    found = (
        (rules.bare(plain(boxes[-1])) if boxes else None)
        or rules.bare(text)
        or rules.announced(text)
        or rules.called_right(text)
        or rules.paired(text, options)
        or rules.opening(text)
        or _repeated(text, options)
        or rules.alone(text)
    )
    chosen = tuple(sorted(set(found or "")))
    return chosen if chosen and (several or len(chosen) == 1) else None


@dataclass(frozen=True)
class _Rules:
    """The rules for the letters of one question."""

    known: str
    several: bool

    @property
    def group(self) -> str:
        """One letter, or several of one answer: `A、C`, `(A) and (C)`, `ACD`."""
        one = rf"[{self.known}](?!{_DENIAL})"
        joint = r"[/&+、和与及]|\s+(?:and|or)\s+"
        if self.several:
            joint = r"[\s,，;/&+、和与及]|and\b|or\b"
        return rf"(?<![A-Za-z])[(\[<]?\s*({one}(?:\s*[)\]>]?(?:{joint})*[(\[<]?\s*{one})*){_ENDS}"

    def raised(self, text: str) -> str:
        """Return `text` with small letters raised where they can only be an answer."""
        small = self.known.lower()
        text = re.sub(rf"\(([{small}])\)", lambda m: f"({m[1].upper()})", text)
        said = rf"((?:\b[Ii]s|[:=是为选])\s*)([{small}])(?=[\s.。]*(?:$|\n))"
        return re.sub(said, lambda m: m[1] + m[2].upper(), text)

    def bare(self, text: str) -> str | None:
        """Rule 1."""
        text = re.sub(r"\b(?:and|or|option|choice)\b", " ", text, flags=re.IGNORECASE)
        rest = re.sub(r"[\s\W_和与及选项]+", "", text).upper()
        once = set(rest) <= set(self.known) and len(set(rest)) == len(rest)
        return rest if rest and once else None

    def announced(self, text: str) -> str | None:
        """Rule 2."""
        found = re.findall(rf"(?:{_ANNOUNCED}){_GAP}{self._exact(self.group)}", text, re.IGNORECASE)
        return self._letters(found[-1:])

    def called_right(self, text: str) -> str | None:
        """Rule 3."""
        groups = re.findall(rf"{self._exact(self.group)}{_RIGHT}", text, re.IGNORECASE)
        return self._letters(groups)

    def paired(self, text: str, options: Sequence[str]) -> str | None:
        """Rule 4: an option that itself ends in a letter (`vitamin A`) is no pair."""
        if squeezed(text) in map(squeezed, options):
            return None
        known = sorted(zip(map(plain, options), self.known, strict=False), key=lambda o: -len(o[0]))
        found = ""
        while text:
            before = re.match(rf"([{self.known}])([).:、]?)\s+", text)
            text = text[before.end() :] if before else text
            same = (o for o in known if o[0] and text[: len(o[0])].lower() == o[0].lower())
            option, letter = next(same, ("", ""))
            letters = "" if before else rf"(?:\s+[{self.known}](?!\w))+"
            after = re.match(rf"({letters})(?!\w)(?:\W|(?:and|or)\b)*", text[len(option) :])
            if not option or not after:
                return None
            found += before[1] if before else after[1]
            found += letter if before and before[0] == "A " else ""
            text = text[len(option) + after.end() :]
        return self._letters(found)

    def opening(self, text: str) -> str | None:
        """Rule 5."""
        lines = re.findall(rf"^\W*?([{self.known}])\s*[)\].:、]", text, re.MULTILINE)
        if len(set(lines)) > 1:
            return "".join(lines) if self.several else None
        # `A` before a word in Latin letters may be an article
        first = re.match(
            rf"[\W_]*{self.group}(?:\s*[)\].:、,，。;]|\s*$|\s*\n|(?=\s*[^\x00-\x7f]))"
            rf"|[\W_]*([{self.known.lstrip('A')}])(?!{_DENIAL})\s",
            text,
        )
        return self._letters(part for part in first.groups() if part) if first else None

    def alone(self, text: str) -> str | None:
        """Rule 7: letters that are denied (`不选A`, `B is wrong`) are not named."""
        letter = rf"(?<![A-Za-z])([{self.known}])"
        named = set(re.findall(rf"{letter}{_ENDS}(?!\s+[a-z])", text))
        named -= set(re.findall(rf"{letter}{_DENIAL}", text))
        named -= set(re.findall(rf"(?:[不非别勿][^\s,，。;；]{{0,2}}|\bnot\s+){letter}", text))
        return named.pop() if len(named) == 1 else None

    def _letters(self, groups: Iterable[str]) -> str | None:
        return "".join(c for group in groups for c in group if c in self.known) or None

    @staticmethod
    def _exact(group: str) -> str:
        """Return a pattern within which case counts, though it does not around it."""
        return f"(?-i:{group})"


@lru_cache(maxsize=64)
def _rules(count: int, several: bool) -> _Rules:
    return _Rules(ascii_uppercase[:count], several)


def _repeated(text: str, options: Sequence[str]) -> str | None:
    """Rule 6: the reply, or its last line, is an option's text; or one option alone stands in it.

    Short texts must be the whole line, since a short one stands in many sentences by chance.
    """
    texts = [squeezed(option) for option in options]
    last = re.sub(r"^.*(?:答案|应?选)(?:应该?|是|为|:)*|^.*\bis\b", "", _last_line(text))
    for said in map(squeezed, (text, _last_line(text), last)):
        if same := [i for i, option in enumerate(texts) if option and option == said]:
            return "".join(ascii_uppercase[i] for i in same)
    whole = squeezed(text)
    inside = [i for i, t in enumerate(texts) if len(t.encode()) >= 9 and _stands(t, whole)]
    longest = [i for i in inside if not any(texts[i] in texts[j] for j in inside if j != i)]
    return "".join(ascii_uppercase[i] for i in longest) or None


def _stands(option: str, whole: str) -> bool:
    return option in whole and not any(no + option in whole for no in ("不是", "并非", "not"))


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if squeezed(line)), "")


_NOT = (
    r"(?P<not>不(?:太|是很|完全|怎么)?(?:是|能算)?|并非|并不|没有?|未必|not\s+|isn't\s+|never\s+)?"
)
_STRONG = re.compile(
    rf"{_NOT}(?:(?P<yes>正确|属实|真的|[√✓✔]|\btrue\b|\bcorrect\b|\bright\b)"
    r"|(?P<no>错误|不实|假的|[×✗✘]|\bfalse\b|\bincorrect\b|\bwrong\b|\buntrue\b))"
)
_WEAK = re.compile(
    rf"{_NOT}(?:(?P<yes>(?<![针相面应反绝核校])对(?![于象比应待方外内策话付抗错])|\byes\b)|(?P<no>错|\bno\b))"
)
_WORDS = {
    True: ("是", "对", "真", "对的", "是的", "可以", "t", "v", "y", "yes"),
    False: ("否", "错", "假", "错的", "不是", "不对", "不可以", "f", "x", "n", "no"),
}
_EITHER = re.compile(
    r"对错|是否|正误|真假|对不对|是不是|正确与否|true\s*(?:or|/)\s*false|yes\s*(?:or|/)\s*no"
)


def verdict(reply: str) -> bool | None:
    """Return whether `reply` calls a statement true, or None where it says neither or both.

    A denied word counts as its contrary: `不正确` is no `正确`, and `没错` is true.  Plain words
    (`正确`, `false`) go before those that also stand in other words (`对`, `错`); what follows
    the last "answer" goes before the whole reply, and that before its last line.
    """
    text = _EITHER.sub(" ", plain(reply).lower())
    for said in (re.split("答案|answer", text)[-1], text, _last_line(text)):
        word = re.sub(r"^(?:答案|answer)?\s*(?:是|为|is)?\s*:?\s*(?=\S)|[\s.。!！,，]+$", "", said)
        for truth, words in _WORDS.items():
            if word in words or said.strip(" .。!！") in words:
                return truth
        for pattern in (_STRONG, _WEAK):
            senses = {bool(m["yes"]) != bool(m["not"]) for m in pattern.finditer(said)}
            if len(senses) == 1:
                return senses.pop()
            if senses:
                break
    return None


def blank(reply: str) -> str | None:
    """Return the words that `reply` gives for a blank: in quotes, after `答案是`, or its line."""
    text = plain(reply)
    told = re.split(r"(?:答案|应填|空格处)(?:应该?|应当)?(?:是|为|填|:)+|\banswer\s*(?:is|:)", text)
    line = next((part for part in told[-1].splitlines() if squeezed(part)), "")
    quoted: list[str] = re.findall(r"[“\"'‘「『《【](.+?)[”\"'’」』》】]", line)
    return (quoted[-1] if quoted else line).strip(" \t.,;:。，；：、!！") or None
