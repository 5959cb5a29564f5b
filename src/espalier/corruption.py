"""Where a right answer can be turned wrong in one detail: the rules, in English, Chinese and code.

Every rule finds places in a text and what to write there instead.  A rule is worth having only
where what it writes still reads well and is wrong nearly always; see the measured share of
rejections in `docs/LOG.md` before adding one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import NamedTuple

from espalier.scorers._boxed import boxed
from espalier.scorers._numbers import value


class Change(NamedTuple):
    """A piece of a text and what stands there instead."""

    start: int
    end: int
    new: str


class Edit(NamedTuple):
    """One corruption: of a kind, at one place or at several that belong together."""

    kind: str
    changes: tuple[Change, ...]

    def apply(self, text: str) -> str:
        """Return the text with the changes made."""
        for change in sorted(self.changes, reverse=True):
            text = text[: change.start] + change.new + text[change.end :]
        return text

    def shown(self, text: str) -> str:
        """Say what is changed: `24 -> 42`."""
        first = self.changes[0]
        return f"{text[first.start : first.end]} -> {first.new}"


Rule = Callable[[str, Random], Iterator[Edit]]

_FINAL = re.compile(r"####\s*(.+?)\s*$")
_CODE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_LOOKS_LIKE_CODE = re.compile(
    r"^\s*(?:def |class |import |from [\w.]+ import|for \(|for \w+ in |while ?\(|if ?\(|public |"
    r"function |const |let |var |#include|SELECT |return |print\(|console\.log)"
    r"|[;{]\s*$",
    re.MULTILINE,
)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def fine_edits(text: str, random: Random) -> Iterator[Edit]:
    """Yield every edit that the rules for this kind of text find.

    Of an answer that ends in a number only that number is changed, as nothing else is sure to make
    it wrong; of an answer with code only its code.
    """
    if final_number(text) is not None:
        yield from _final(text, random)
        return
    blocks = [(m.start(1), m[1]) for m in _CODE.finditer(text)]
    if not blocks and len(_LOOKS_LIKE_CODE.findall(text)) >= 2:
        blocks = [(0, text)]
    if not blocks and len(_LOOKS_LIKE_CODE.findall(text)) == 1 and len(text) < 200:
        blocks = [(0, text)]
    for start, block in blocks:
        for rule in _CODE_RULES:
            yield from (_moved(edit, start) for edit in rule(block, random))
    if blocks:
        return
    chinese = len(_CHINESE.findall(text)) * 4 > len(text)
    for rule in _CHINESE_RULES if chinese else _ENGLISH_RULES:
        yield from rule(text, random)


def final_number(text: str) -> str | None:
    r"""Return the number an answer ends with: after `####`, in its last box, or all of it."""
    if found := _FINAL.search(text):
        return value(found[1])
    if inside := boxed(text):
        return value(inside[-1])
    bare = text.strip().rstrip(".。")
    return value(bare) if re.fullmatch(r"[-$￥]?\d[\d,./]*\s*[%\w元]{0,6}", bare) else None


def _moved(edit: Edit, by: int) -> Edit:
    changes = (Change(c.start + by, c.end + by, c.new) for c in edit.changes)
    return Edit(edit.kind, tuple(changes))


# Numbers


_NUMBER = re.compile(r"(?<![\w.,/#=-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/)]|[.,]\d)")
_IN_CHINESE = re.compile(
    r"(?<![A-Za-z\d.,/#=-])\d+(?:,\d{3})*(?:\.\d+)?(?![A-Za-z\d/\ufe0f\u20e3]|[.,]\d)"
)
_LABEL = re.compile(r"(?:^|\n)\s*[(（【\[]?$")


def _final(text: str, random: Random) -> Iterator[Edit]:
    """Change the final number, and where the last line of reasoning states it, there too."""
    found = _FINAL.search(text)
    written = found[1] if found else boxed(text)[-1] if boxed(text) else text.strip()
    digits = re.search(r"\d+(?:,\d{3})*(?:\.\d+)?", written)
    if digits is None:
        return
    same = re.compile(rf"(?<![\d.,]){re.escape(digits[0].replace(',', ''))}(?![\d]|[.,]\d)")
    ends = [*re.finditer(rf"(?<![\d.,]){re.escape(digits[0])}(?![\d]|[.,]\d)", text)][-1]
    above = text.rfind("\n", 0, max(0, text.rfind("\n", 0, ends.start()))) + 1
    results = [m for m in same.finditer(text, above, ends.start()) if _is_result(text, m.start())]
    for new in _near(digits[0], random):
        spots = (Change(m.start(), m.end(), new.replace(",", "")) for m in results)
        yield Edit("number", (Change(ends.start(), ends.end(), new), *spots))


def _is_result(text: str, at: int) -> bool:
    """Say whether the number at `at` is a result: after an equals sign or an annotation."""
    return re.search(r"(?:=|>>|is|are|=\s*\$|>>\s*\$)\s*[$￥]?$", text[:at]) is not None


def _numbers(pattern: re.Pattern[str], text: str, random: Random) -> Iterator[Edit]:
    """Change one number, wherever it stands, to a near one; labels of lists are left alone."""
    together: dict[str, list[re.Match[str]]] = {}
    for found in pattern.finditer(text):
        label = _LABEL.search(text[: found.start()]) and re.match(
            r"[.)、:：）】\]]", text[found.end() :]
        )
        if not label and found[0] not in ("0", "1"):
            together.setdefault(found[0], []).append(found)
    for written, places in together.items():
        new = random.choice(_far(written, random))
        yield Edit("number", tuple(Change(m.start(), m.end(), new) for m in places))


def _near(written: str, random: Random) -> list[str]:
    """Return numbers near one, written like it."""
    if "." in written:
        whole, _, part = written.partition(".")
        last = [d for d in "123456789" if d != part[-1]]
        changed = [f"{whole}.{part[:-1]}{random.choice(last)}"]
        return [*changed, f"{_grouped(int(whole.replace(',', '')) + 1, written)}.{part}"]
    number = int(written.replace(",", ""))
    if _is_year(written):
        return [str(number - random.randint(2, 60))]
    step = max(1, number // 10)
    found = {number + step, number + 2 * step, number + random.randint(1, 3)}
    if number > 3:
        found |= {number - step, number - random.randint(1, 2)}
    if number > 9 and str(number)[0] != str(number)[1] != "0":
        found.add(int(str(number)[1] + str(number)[0] + str(number)[2:]))
    found -= {number}
    return [_grouped(one, written) for one in sorted(found) if one > 1 or number < 2]


def _far(written: str, random: Random) -> list[str]:
    """Return numbers far enough from one that nobody takes them for a rounding of it."""
    number = float(written.replace(",", ""))
    found = [
        one
        for one in _near(written, random)
        if abs(float(one.replace(",", "")) - number) >= 0.3 * abs(number) or _is_year(written)
    ]
    if "." not in written:
        found += [_grouped(one, written) for one in (int(number) * 2, int(number) // 2) if one > 1]
    return found or _near(written, random)


def _is_year(written: str) -> bool:
    """Say whether a number is a year, as far as anyone can tell."""
    return len(written) == 4 and written.isdigit() and 1000 <= int(written) <= 2100


def _grouped(number: int, like: str) -> str:
    return f"{number:,}" if "," in like else str(number).zfill(len(like) if like[0] == "0" else 0)


_DIGITS = "二三四五六七八九"
_COUNTED = re.compile(
    r"(?:(?P<ordinal>(?<=第))|(?<=[^\u4e00-\u9fff])|(?<=[有了在为约共达用过近这那]))"
    r"(?P<digit>[两二三四五六七八九])"
    r"(?=(?:个|位|年|月|日|种|只|岁|人|名|元|米|倍|章|回|条|世纪|类|项|部分|步|点|首|座|场)(?!分))"
)


def _chinese_numerals(text: str, random: Random) -> Iterator[Edit]:
    """Change a numeral that counts something."""
    for found in _COUNTED.finditer(text):
        at = _DIGITS.index(found["digit"].replace("两", "二"))
        new = random.choice([n for n in _DIGITS[max(0, at - 2) : at + 3] if n != _DIGITS[at]])
        named = found["ordinal"] is not None or text[found.end()] in "年月日章回世"
        written = new if named else new.replace("二", "两")
        yield Edit("number", (Change(found.start("digit"), found.end("digit"), written),))


# Words that stand for each other


_PAIRS_EN = """
more_than/less_than larger/smaller greater/less higher/lower below/above increase/decrease
increases/decreases increased/decreased increasing/decreasing before/after maximum/minimum
always/never largest/smallest highest/lowest earlier/later older/younger longer/shorter
faster/slower stronger/weaker hotter/colder better/worse best/worst the_first/the_last
inside/outside north/south northern/southern east/west eastern/western positive/negative
left_side/right_side left_hand/right_hand on_the_left/on_the_right turn_left/turn_right
advantage/disadvantage advantages/disadvantages buy/sell imports/exports expands/contracts
parent/child male/female internal/external vertical/horizontal upper/lower rises/falls wet/dry
rich/poor strong/weak deep/shallow love/hate easy/difficult cheap/expensive success/failure
thick/thin wide/narrow minimize/maximize minimizes/maximizes encourage/discourage accept/reject
reduces/raises gain/lose improve/worsen public/private safe/dangerous important/unimportant
possible/impossible useful/useless necessary/unnecessary prevent/cause prevents/causes
healthy/unhealthy common/rare successful/unsuccessful often/seldom crucial/irrelevant
"""
_PAIRS_ZH = """
大于/小于 多于/少于 高于/低于 早于/晚于 优于/劣于 之前/之后 以前/以后 增加/减少 提高/降低
上升/下降 增长/下滑 增强/减弱 扩大/缩小 最大/最小 最高/最低 最多/最少 最早/最晚 促进/阻碍
支持/反对 优点/缺点 优势/劣势 成功/失败 有利/不利 积极/消极 正面/负面 主观/客观 内部/外部
直接/间接 唯心/唯物 南方/北方 东部/西部 北部/南部 左侧/右侧 向左/向右 向上/向下 白天/夜晚
夏天/冬天 春天/秋天 赞同/反对 聪明/愚笨 勇敢/懦弱 谦虚/骄傲 褒义/贬义 主动/被动 抒情/议论
现实主义/浪漫主义 婉约/豪放 喜悦/悲伤 热情/冷漠 简单/复杂 容易/困难 安全/危险 必然/偶然
古代/现代 前者/后者 进步/退步 吸收/释放 氧化/还原 显性/隐性 有性/无性 集权/分权 统一/分裂
中央/地方 加强/削弱 巩固/动摇 胜利/失败 进攻/防守 富裕/贫穷 繁荣/衰落 收入/支出 盈利/亏损
上涨/下跌 便宜/昂贵 温暖/寒冷 项正确/项错误 错误/正确
"""
_IDIOM = re.compile(
    r"\W?(?:above all|better (?:not|yet|off)|before long|after all|best (?:of luck|regards|wishes)|"
    r"the first (?:time|of)|the last (?:time|of)|poor (?:thing|you|me)|deep (?:in|down|breath)|"
    r"before (?:you|making|going)|wide range|cause of|in public)\b",
    re.IGNORECASE,
)


def _paired(words: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in words.split():
        one, _, other = entry.replace("_", " ").partition("/")
        found.setdefault(one, other)
        found.setdefault(other, one)
    return found


_OTHER_EN, _OTHER_ZH = _paired(_PAIRS_EN), _paired(_PAIRS_ZH)
_KNOWN_EN = re.compile(
    rf"\b(?:{'|'.join(sorted(_OTHER_EN, key=len, reverse=True))})\b", re.IGNORECASE
)
_KNOWN_ZH = re.compile("|".join(sorted(_OTHER_ZH, key=len, reverse=True)))


def _comparisons_en(text: str, _: Random) -> Iterator[Edit]:
    for found in _KNOWN_EN.finditer(text):
        if not _IDIOM.match(text, max(0, found.start() - 1)):
            yield _swap("comparison", found, _OTHER_EN[found[0].lower()])


def _comparisons_zh(text: str, _: Random) -> Iterator[Edit]:
    for found in _KNOWN_ZH.finditer(text):
        before = text[max(0, found.start() - 1) : found.start()]
        if before not in ("不", "无", "非", found[0][0]) and not text.startswith(
            ("的选", "解", "理", "认"), found.end()
        ):
            yield _swap("comparison", found, _OTHER_ZH[found[0]])


def _swap(kind: str, found: re.Match[str], new: str) -> Edit:
    like = new.upper() if found[0].isupper() and len(found[0]) > 1 else new
    like = like[0].upper() + like[1:] if found[0][0].isupper() else like
    return Edit(kind, (Change(found.start(), found.end(), like),))


# Names and terms: members of one class, one for another, wherever they stand


_CLASSES = """
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
January February March April June July August September October November December
Mercury Venus Mars Jupiter Saturn Uranus Neptune
France Germany Spain Italy Portugal Greece Poland Sweden Norway China Japan India Brazil Russia
Paris London Berlin Madrid Rome Vienna Moscow Tokyo Beijing Chicago Boston Toronto Sydney Dublin
French German Spanish Italian Portuguese Greek Polish Swedish Chinese Japanese Russian Arabic
Europe Asia Africa
oxygen nitrogen hydrogen carbon helium
iron copper gold silver zinc
kilometers miles meters yards
mother father brother sister uncle aunt grandmother grandfather
Python JavaScript Java Ruby PHP
TCP UDP HTTP FTP SMTP
Einstein Newton Darwin Galileo Curie Faraday
Shakespeare Dickens Tolstoy Hemingway Austen
John James Robert Michael William David Thomas Peter Paul Mark Daniel Andrew Kevin Brian Henry
Mary Sarah Emily Anna Lisa Susan Laura Emma Jane Alice Julia Linda Karen Nancy Rachel Amy Kate
唐代 宋代 元代 明代 清代 汉代 隋代
唐朝 宋朝 元朝 明朝 清朝 汉朝 秦朝 隋朝
西汉 东汉 三国 西晋 东晋 北宋 南宋
李白 杜甫 白居易 苏轼 陆游 辛弃疾 王维 李清照 王安石 欧阳修 韩愈 柳宗元 屈原 陶渊明
孔子 孟子 老子 庄子 荀子 墨子 韩非子
秦始皇 汉武帝 唐太宗 宋太祖 康熙 乾隆 朱元璋 忽必烈
刘备 曹操 孙权 诸葛亮 关羽 张飞 周瑜 司马懿
孙中山 袁世凯 李鸿章 康有为 梁启超 蒋介石 毛泽东 林则徐
英国 法国 德国 美国 日本 俄国 意大利 西班牙 葡萄牙 荷兰 印度
北京 上海 南京 广州 武汉 西安 成都 杭州 天津 重庆
江苏 浙江 山东 河南 河北 湖南 湖北 四川 广东 福建
亚洲 欧洲 非洲 美洲
周一 周二 周三 周四 周五 周六 周日
线粒体 叶绿体 核糖体 高尔基体 内质网 液泡 中心体
蛋白质 糖类 脂肪 核酸 维生素
父亲 母亲 哥哥 姐姐 弟弟 妹妹 爷爷 奶奶 叔叔
鸦片战争 甲午战争 辛亥革命 五四运动 洋务运动 戊戌变法 北伐战争 抗日战争
工业革命 文艺复兴 启蒙运动 宗教改革 新航路开辟
左传 史记 汉书 论语 诗经 礼记
红楼梦 西游记 水浒传 三国演义 聊斋志异 儒林外史
佟湘玉 白展堂 郭芙蓉 吕秀才 李大嘴 莫小贝 邢捕头 燕小六
李云龙 赵刚 楚云飞 丁伟 孔捷
春节 端午节 中秋节 元宵节 重阳节
厘米 千米 毫米
公元前 公元后
"""
_MATES: Mapping[str, tuple[str, ...]] = {
    word: tuple(group)
    for line in _CLASSES.strip().splitlines()
    for group in [line.split()]
    for word in group
}
_PEOPLE = {
    *("John", "Mary", "Einstein", "Shakespeare"),
    *("佟湘玉", "李云龙", "刘备", "李白", "孔子", "秦始皇", "孙中山"),
}
_MEMBER_EN = re.compile(rf"\b(?:{'|'.join(w for w in _MATES if w.isascii())})\b")
_MEMBER_ZH = re.compile(
    "|".join(sorted((w for w in _MATES if not w.isascii() and len(w) > 1), key=len, reverse=True))
)


def _members(pattern: re.Pattern[str], text: str, random: Random) -> Iterator[Edit]:
    """Write one name or term for another of its class, which the text does not mention."""
    together: dict[str, list[re.Match[str]]] = {}
    for found in pattern.finditer(text):
        together.setdefault(found[0], []).append(found)
    for word, places in together.items():
        mates = [mate for mate in _MATES[word] if mate not in text]
        if mates:
            new = random.choice(mates)
            kind = "name" if _PEOPLE & set(_MATES[word]) else "term"
            yield Edit(kind, tuple(Change(m.start(), m.end(), new) for m in places))


_TITLE = re.compile(r"《([^》\n]{2,12})》")


def _titles(text: str, random: Random) -> Iterator[Edit]:
    """Write one book for another that the text names, where it names two."""
    titles = sorted({m[1] for m in _TITLE.finditer(text)})
    for found in _TITLE.finditer(text):
        if others := [title for title in titles if title != found[1]]:
            yield Edit("name", (Change(found.start(1), found.end(1), random.choice(others)),))


# Negations


_VERBS = "be|also|have|help|make|use|take|get|see|try|go|do|find|lead|cause|keep"
_AFTER_BE = "a|an|the|very|used|called|made|known|based|important|able|possible|often|usually"
_NEGATED_EN: tuple[tuple[str, str], ...] = (
    (r"\b(is|are|was|were|can|could|should|will|would|must|does|do|did|has|have) not\b", r"\1"),
    (r"\b(?:cannot|can't)\b", "can"),
    (r"\bisn't\b", "is"),
    (r"\baren't\b", "are"),
    (r"\bwasn't\b", "was"),
    (r"\bwon't\b", "will"),
    (r"\bshouldn't\b", "should"),
    (rf"(?<!than it )\b(is|are|was|were) (?=(?:{_AFTER_BE})\b)", r"\1 not "),
    (rf"\b(should|will|must) (?=(?:{_VERBS})\b)", r"\1 not "),
    (rf"\bcan (?=(?:{_VERBS})\b)", "cannot "),
)
_NEGATED_ZH: tuple[tuple[str, str], ...] = (
    (
        r"(?<![不否但还只就可于总都若凡要正既或乃也便又像算说倒真老则先自才竟确尤特这那])"
        r"是(?=[^否不的吗啊吧呢也因为什谁哪何怎我你在指，。、！？…”\s])",
        "不是",
    ),
    (r"(?<![是还可就岂莫要而])不是(?![吗么很])", "是"),
    (r"(?<!不)可以(?![?？看试选])", "不可以"),
    (r"不可以", "可以"),
    (r"(?<!不)能够", "不能"),
    (r"(?<!不)应该", "不应该"),
    (r"(?<!不)应当", "不应当"),
    (r"不应该", "应该"),
    (r"(?<!不)属于", "不属于"),
    (r"(?<![不所])需要", "不需要"),
    (r"不需要", "需要"),
    (r"(?<!不)必须", "不必"),
    (r"(?<!有)没有(?!了|人|什么|任何|办法)(?=[\u4e00-\u9fff])", "有"),
    (r"(?<![可不])不能(?!不)", "能"),
    (r"(?<!不)有利于", "不利于"),
    (r"(?<!不)具有", "不具有"),
    (r"(?<!不)喜欢", "不喜欢"),
    (r"不会", "会"),
)


def _negations(
    rules: Iterable[tuple[re.Pattern[str], str]], text: str, _: Random
) -> Iterator[Edit]:
    for pattern, new in rules:
        for found in pattern.finditer(text):
            written = found.expand(new)
            if not _asked(text, found.end()):
                yield Edit("negation", (Change(found.start(), found.end(), written),))


def _asked(text: str, at: int) -> bool:
    """Say whether the sentence around `at` is a question: a denial there denies nothing."""
    end = re.search(r"[。！？!?\n]|[.](?:\s|$)|$", text[at:])
    return end is not None and end[0] in ("？", "?")


# Code


_CODE_SWAPS: tuple[tuple[str, str, str], ...] = (
    ("loop", r"range\(([^(),]+)\)", r"range(\1 - 1)"),
    ("loop", r"range\(([^(),]+), ([^(),]+)\)", r"range(\1, \2 - 1)"),
    ("loop", r"range\(([^()]*len\([^()]*\))\)", r"range(\1 - 1)"),
    ("loop", r"(for ?\([^;]*;[^;<]*)<=", r"\1<"),
    ("loop", r"(for ?\([^;]*;[^;<]*)<(?!=)", r"\1<="),
    ("loop", r"(for ?\([^;=]*= ?)0(?=;)", r"\g<1>1"),
    ("loop", r"(while [^\n:<]*)<(?!=)", r"\1<="),
    ("comparison", r"(?<=\w) == (?=\S)", " != "),
    ("comparison", r"(?<=\w) != (?=\S)", " == "),
    ("comparison", r"(?<=\w) === (?=\S)", " !== "),
    ("comparison", r"(if [^\n:<>]*) > (?=\S)", r"\1 < "),
    ("comparison", r"(if [^\n:<>]*) < (?=\S)", r"\1 > "),
    ("comparison", r"(?<=\w) >= (?=\S)", " < "),
    ("comparison", r"(?<=\w) <= (?=\S)", " > "),
    ("comparison", r"(WHERE [^\n;<>]*) > (?=\S)", r"\1 < "),
    ("comparison", r"(WHERE [^\n;<>]*) < (?=\S)", r"\1 > "),
    ("comparison", r"\bDESC\b", "ASC"),
    ("comparison", r"\bASC\b", "DESC"),
    ("comparison", r"\bmax\(", "min("),
    ("comparison", r"\bmin\(", "max("),
    ("comparison", r"\bMAX\(", "MIN("),
    ("comparison", r"Math\.max\(", "Math.min("),
    ("operator", r"(?<=[\w)\]]) \+ (?=[\w(])", " - "),
    ("operator", r"(?<=[\w)\]]) - (?=[\w(])", " + "),
    ("operator", r"(?<=[\w)\]])(?<!SELECT) \* (?=[\w(])", " + "),
    ("operator", r"(?<=[\w)\]]) / (?=[\w(])", " * "),
    ("operator", r"(?<=[\w)\]]) % (?=[\w(])", " // "),
    ("operator", r"\+=", "-="),
    ("operator", r"-=", "+="),
    ("operator", r"\*=", "+="),
    ("operator", r"(?<=\w)\+\+", "--"),
    ("operator", r" && ", " || "),
    ("operator", r" \|\| ", " && "),
    ("operator", r"\bCOUNT\(", "SUM("),
    ("operator", r"\bAVG\(", "SUM("),
    ("operator", r"\bSUM\(", "AVG("),
    ("negation", r"\bTrue\b", "False"),
    ("negation", r"\bFalse\b", "True"),
    ("negation", r"\btrue\b", "false"),
    ("negation", r"\bfalse\b", "true"),
    ("negation", r"\b(if|while) not (?=\w)", r"\1 "),
    ("negation", r" not in ", " in "),
    ("negation", r"(if \w+) in ", r"\1 not in "),
    ("number", r"\[0\]", "[1]"),
    ("number", r"\[-1\]", "[0]"),
    ("number", r"\[i\]\[j\]", "[j][i]"),
    ("number", r"return 1\b", "return 0"),
    ("term", r"\.append\(", ".remove("),
    ("term", r"\.upper\(\)", ".lower()"),
    ("term", r"\.lower\(\)", ".upper()"),
    ("term", r"\[::-1\]", "[::2]"),
    ("term", r"reverse=True", "reverse=False"),
    ("term", r"\.push\(", ".pop("),
)
_CODE_PATTERNS = tuple((kind, re.compile(old), new) for kind, old, new in _CODE_SWAPS)
_STRING = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|(?:^|\s)(?:#|//)[^\n]*")
_LITERAL = re.compile(r"(?<![\w.\-#%,\[])(?<![,\[] )(?:[2-9]|[1-9]\d+)(?![\w.%]|\s?,|\])")


def _code(text: str, _: Random) -> Iterator[Edit]:
    """Turn an operator, a bound or a literal; strings and comments are left alone."""
    quoted = [m.span() for m in _STRING.finditer(text)]

    def inside(at: int) -> bool:
        return any(start <= at < end for start, end in quoted)

    for kind, pattern, new in _CODE_PATTERNS:
        for found in pattern.finditer(text):
            if not inside(found.start()):
                change = Change(found.start(), found.end(), found.expand(new))
                yield Edit(kind, (change,))
    for found in _LITERAL.finditer(text):
        if not inside(found.start()):
            number = int(found[0])
            new = str(number + 1 if number % 2 else number // 2 if number > 2 else 3)
            yield Edit("number", (Change(found.start(), found.end(), new),))


def _rule(function: Callable[..., Iterator[Edit]], given: object) -> Rule:
    def rule(text: str, random: Random) -> Iterator[Edit]:
        return function(given, text, random)

    return rule


def _compiled(rules: Iterable[tuple[str, str]]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(old), new) for old, new in rules]


_CODE_RULES: tuple[Rule, ...] = (_code,)
_ENGLISH_RULES: tuple[Rule, ...] = (
    _rule(_numbers, _NUMBER),
    _comparisons_en,
    _rule(_members, _MEMBER_EN),
    _rule(_negations, _compiled(_NEGATED_EN)),
)
_CHINESE_RULES: tuple[Rule, ...] = (
    _rule(_numbers, _IN_CHINESE),
    _chinese_numerals,
    _comparisons_zh,
    _rule(_members, _MEMBER_ZH),
    _titles,
    _rule(_negations, _compiled(_NEGATED_ZH)),
)
