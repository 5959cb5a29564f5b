"""The reasons that analysis, recommendation and run give in English, in Chinese.

A reason is a sentence with values in it, so it is matched as a pattern: `{name}` stands for any
value without a semicolon.  Clauses joined by a semicolon are taken one by one.  What no pattern
knows stays in English rather than being lost; a test lists what simulated tables leave so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

REASONS: Mapping[str, str] = {
    # claims of the papers, and how they are judged
    "Abilities scale differently with their own data; larger models are better.": (
        "各能力随自身数据的增长各不相同；更大的模型更好。"
    ),
    "Mixing abilities helps at low amounts of data and hurts at high amounts.": (
        "混合各能力的数据，在数据少时有益，在数据多时有害。"
    ),
    "The amount of other data matters and its ratio does not, where the sources differ.": (
        "当数据来源不同时，起作用的是其他数据的数量，而不是其比例。"
    ),
    "Sequential training forgets specialised skill, and dual-stage mixing keeps it.": (
        "顺序训练会遗忘专门技能，两阶段混合训练则能保住它。"
    ),
    "A small k already helps; a larger k trades general against specialised skill.": (
        "很小的 k 已有帮助；更大的 k 以通用能力换取专门技能。"
    ),
    "Hidden states of math lie apart; those of code and general data overlap.": (
        "数学的隐藏状态自成一处；代码与通用数据的隐藏状态相互重叠。"
    ),
    "Without the code and math hidden in general data the conflict shrinks.": (
        "去掉通用数据中隐含的代码与数学后，冲突减小。"
    ),
    "Abilities respond differently to more data: some grow, some resist.": (
        "各能力对更多数据的响应不同：有的增长，有的不增长。"
    ),
    "Human-curated data is more efficient than synthetic data.": "人工整理的数据比合成数据更有效。",
    "Instruction data generalises to abilities that no source trains.": (
        "指令数据能推广到没有任何来源训练过的能力。"
    ),
    "Complexity and transference explain how fast an ability grows.": (
        "复杂度与迁移性能解释能力增长的快慢。"
    ),
    "Synthetic data does not keep improving a model: it has a ceiling.": (
        "合成数据不能持续提升模型：它有上限。"
    ),
    "For some abilities a larger model is worse than a smaller one.": (
        "在某些能力上，更大的模型反而不如更小的。"
    ),
    "Tailoring the mixture to each ability's sensitivity improves held-out benchmarks.": (
        "按各能力的敏感度调配数据，能提高留出的基准得分。"
    ),
    "{says}: {result} ({pro} for, {con} against, {open} open)": (
        "{says}：{result}（支持 {pro}，反对 {con}，未定 {open}）"
    ),
    "at equal {protocol}: {verdict}": "在 {protocol} 相等时：{verdict}",
    "holds": "成立",
    "fails": "不成立",
    "undecided": "未定",
    "not tested": "未检验",
    "specialised abilities grow with their own data": "专门能力随自身数据增长",
    "abilities differ in how they grow": "各能力的增长方式不同",
    "larger models are better": "更大的模型更好",
    "mixing helps at the smallest amount": "在最小数量上混合有益",
    "mixing hurts at the largest amount": "在最大数量上混合有害",
    "the amount of other data matters and its ratio does not": "起作用的是其他数据的数量而非比例",
    "at the largest amount, specialised abilities are better without the hidden rows": (
        "在最大数量上，去掉隐含的数据后专门能力更好"
    ),
    "at the smallest amount, mixing still helps without them": "在最小数量上，去掉之后混合仍然有益",
    "one stage after the other loses specialised skill": "逐阶段训练会失去专门技能",
    "DMT keeps more of it": "DMT 保住得更多",
    "training the general data last is better for the general ability": (
        "最后训练通用数据对通用能力更好"
    ),
    "the smallest k helps the specialised abilities over none": "最小的 k 已使专门能力好于没有重放",
    "specialised abilities rise with k": "专门能力随 k 上升",
    "the general ability falls with k": "通用能力随 k 下降",
    "some abilities grow with data": "有些能力随数据增长",
    "some resist it": "有些不随数据增长",
    "human rows are worth more than synthetic ones": "人工数据比合成数据更值",
    "out-of-domain abilities follow the in-domain ones, and rise with their rows": (
        "领域外能力跟随领域内能力，并随其数据上升"
    ),
    "our complexity and transference predict growth held out": (
        "我们的复杂度与迁移性能预测留出能力的增长"
    ),
    "synthetic rows do not keep improving an ability": "合成数据不能持续提升能力",
    "a larger model is below a smaller one": "更大的模型低于更小的",
    "a tailored mixture of equal size is better": "同等规模而经过调配的混合更好",
    "a tailored larger one is better": "经过调配且更大的混合更好",
    "no findings bear on it": "没有与之相关的结论",
    "it is about hidden states, which no results table holds": "它涉及隐藏状态，而结果表中没有",
    **{
        f"{english}, {when}": f"{when_zh}，{chinese}"
        for when, when_zh in (("before tuning", "微调前"), ("after tuning", "微调后"))
        for english, chinese in (
            (
                "math lies farther from code and from general data than these from each other",
                "数学离代码和通用数据比后两者彼此更远",
            ),
            ("code and general data overlap", "代码与通用数据相互重叠"),
        )
    },
    (
        "it needs a general source with and without its hidden code and math, both mixed with the "
        "same rows of the others"
    ): "需要一个通用来源的两个版本（含与不含隐含的代码和数学），并与其他来源的相同数据混合",
    "it needs mixtures of the same sources under designs that the table names": (
        "需要表中以设计命名的、由相同来源构成的混合"
    ),
    "it needs six or more abilities": "需要六种以上的能力",
    "the paper's own definitions could not be found, ours are tested in their place": (
        "未能找到论文自己的定义，这里检验的是我们的定义"
    ),
    (
        "single seeds: what another run would give is only guessed, by taking it to scatter as "
        "much as the items do"
    ): "单一种子：换一次训练会如何只能猜测，这里设其离散与题目噪声相当",
    (
        "single seeds: what another run would give is only guessed, from the scatter of the scores "
        "about growth curves"
    ): "单一种子：换一次训练会如何只能由得分围绕增长曲线的离散来猜测",
    # why a finding has no estimate, no interval, or a narrow one
    "one seed and no standard error of the scores: nothing says how much they scatter": (
        "只有一个种子，且得分没有标准误：无从知道其离散程度"
    ),
    "repeated runs scored alike: the interval allows for the items only, not for another run": (
        "各次训练得分相同：区间只含题目噪声，不含换一次训练的差别"
    ),
    "repeated runs and items scored alike: nothing says how much they scatter": (
        "各次训练与各题得分都相同：无从知道其离散程度"
    ),
    "one seed: the interval allows for the items only, not for another run": (
        "只有一个种子：区间只含题目噪声，不含换一次训练的差别"
    ),
    "one seed: the interval allows for the items only": "只有一个种子：区间只含题目噪声",
    "one seed: a lucky run may lift both alike": "只有一个种子：一次走运的训练可能同时抬高两者",
    "nothing says how much the scores scatter": "无从知道得分的离散程度",
    "no interval: nothing says how much the scores scatter": "没有区间：无从知道得分的离散程度",
    "one amount only: growth needs two or more": "只有一种数量：谈增长至少需要两种",
    "fewer than four amounts: a bend cannot be told from a straight line": (
        "不足四种数量：无法区分弯曲与直线"
    ),
    "no score stands out above what guessing gives": "没有一个分数明显高于猜测所得",
    "no bend within the measured amounts stands out from the noise": (
        "在测量过的数量内，没有弯曲能从噪声中显出"
    ),
    "a crossover needs two amounts or more": "交叉点至少需要两种数量",
    "the difference keeps its sign over the measured amounts": "差值在测量过的数量上符号不变",
    "it may lie outside of the measured amounts": "它可能在测量过的数量之外",
    "confounded: the {which} of the other data never changes": "混淆：其他数据的{which}从未改变",
    "amount": "数量",
    "ratio": "比例",
    "confounded: {n} mixtures are too few to separate amount and ratio": (
        "混淆：{n} 种混合太少，无法分开数量与比例"
    ),
    (
        "confounded: nothing was trained on the ability's own rows alone at the amounts that are "
        "mixed, so there is nothing to measure mixing against"
    ): "混淆：没有自身数量相同的单独训练可供比较",
    "confounded: amount and ratio of the other data move together": (
        "混淆：其他数据的数量与比例一同变动"
    ),
    "vary the own amount as well": "请让自身数量也有变化",
    "a rate needs two amounts of each source, and five together": (
        "折合率需要每个来源至少两种数量，合计至少五种"
    ),
    "no single rate: no one curve, shifted, fits both sources": (
        "没有单一的折合率：没有一条曲线平移后能同时贴合两个来源"
    ),
    "the amounts are too few or the curves too flat to find a rate": (
        "数量太少或曲线太平，求不出折合率"
    ),
    "the synthetic rows measured do not reach this score": "测量过的合成数据达不到这一得分",
    "within the noise, the synthetic rows measured may not reach this score": (
        "在噪声范围内，测量过的合成数据可能达不到这一得分"
    ),
    "{n} settings were measured on both": "有 {n} 个单元两者都测量过",
    "a rank correlation needs {n}": "秩相关需要 {n} 个",
    (
        "{n} abilities have a growth curve, an untuned score and scores after other data alone"
    ): "有 {n} 种能力具备增长曲线、未微调得分以及只用其他来源训练的单元",
    "a prediction held out needs {n}": "留出预测需要 {n} 种",
    "ours": "为我们的定义",
    "1 - (score at the smallest own amount - chance) / (top of scale - chance)": (
        "1 −（最小自身数量时的得分 − 随机水平）/（量程上限 − 随机水平）"
    ),
    "gain from other sources alone / gain from the own source, over the base": (
        "只用其他来源的增益 / 用自身来源的增益，均相对未微调模型"
    ),
    # what was left out, not run or not known
    "column '{name}'": "列 '{name}'",
    "the table has no such column": "结果表没有这一列",
    "rows without a score": "没有得分的行",
    "rows of one run, there again": "同一次运行重复出现的行",
    "they count as one run, by their mean": "它们算作一次运行，取其均值",
    "replicates are told apart by `seed`": "重复实验以 `seed` 区分",
    "{n} replies of {ability}": "{ability} 的 {n} 条回答",
    "unscored": "未评分",
    "not run yet": "尚未运行",
    "not needed: decided without it": "不再需要：没有它也已有定论",
    "{where}, untuned": "{where}，未微调",
    "{model}, {method}, {rows} rows": "{model}，{method}，{rows} 条",
    "last step finished": "最后一步完成于",
    "store": "存储",
    "machine": "机器",
    "models": "模型",
    "sources": "数据来源",
    "run": "运行",
    # the recommendation
    "multitask": "多任务",
    "sequential": "顺序训练",
    "mixed_sequential": "混合顺序训练",
    "dmt": "DMT",
    "dmt k={k}": "DMT k={k}",
    "the table has no finished cell: no score after a cell's last stage": (
        "表中没有完成的单元：没有最后阶段之后的得分"
    ),
    "{rows} rows of {name}: at most {most} were measured ({times} times)": (
        "{name} 用 {rows} 条：测量过的最多为 {most} 条（{times} 倍）"
    ),
    "{rows} rows in a mixture: at most {most} were measured": (
        "混合共 {rows} 条：测量过的最多为 {most} 条"
    ),
    "{one} was run on {low} to {high} rows only, and here on {total}": (
        "{one}只在 {low} 至 {high} 条上运行过，而这里是 {total} 条"
    ),
    "{one} was run on {rows} rows only, and here on {total}": (
        "{one}只在 {rows} 条上运行过，而这里是 {total} 条"
    ),
    "k={k} lies between measured ones": "k={k} 介于测量过的值之间",
    "the adaptive run left 1 question open: its cells not run may change this recipe": (
        "自适应运行留下 1 个未定问题：未运行的单元可能改变这一方案"
    ),
    "the adaptive run left {n} questions open: its cells not run may change this recipe": (
        "自适应运行留下 {n} 个未定问题：未运行的单元可能改变这一方案"
    ),
    "no cell trains all sources together: {left} and {names} are not mixed here": (
        "没有单元把全部来源放在一起训练：这里不混合 {left} 与 {names}"
    ),
    "training on all there is lies too far beyond what was measured to be told of": (
        "用全部数据训练远在测量范围之外，无从谈起"
    ),
    "the table does not say in which order {one} trains": "结果表没有说明{one}按什么顺序训练",
    "--order does": "可用 --order 说明",
    (
        "{names}: a single seed does not tell how much runs scatter; they are taken to scatter by "
        "{share} of the range, a stated guess, and every certainty told here rests on that"
    ): (
        "{names}：单一种子无从知道各次训练的离散；这里设为取值范围的 {share}（假定值），"
        "所述的一切把握都以此为前提"
    ),
    (
        "{names}: a single seed does not tell how much runs scatter; they are taken to scatter by "
        "{share} of the range, as those of {others} do, and every certainty told here rests on that"
    ): (
        "{names}：单一种子无从知道各次训练的离散；这里按 {others} 的情形设为取值范围的 {share}，"
        "所述的一切把握都以此为前提"
    ),
    "no measured cell is within the budget and the rows there are": (
        "没有实测单元同时在预算与现有数据之内"
    ),
    "{names}: not within the budget and the rows there are": "{names}：不在预算与现有数据之内",
    "{n} cells in common, {m} of them measured on every ability that counts": (
        "共有 {n} 个单元，其中 {m} 个在每种计入的能力上都测量过"
    ),
    "a single seed: how much runs scatter is guessed from how well the surfaces fit": (
        "只有一个种子：各次训练的离散由曲面拟合的好坏猜测"
    ),
    (
        "{name}: cells left out are missed by {times} times what the surface expects, so its "
        "intervals are too narrow"
    ): "{name}：留出单元的误差是曲面所预期的 {times} 倍，因此区间偏窄",
    "mixing and factors of mixtures that were trained in stages only": (
        "只分阶段训练过的混合的混合效应与因素"
    ),
    (
        "to hold a mixture against a single source, train it in one stage, as multitask does"
    ): "要把混合与单一来源相比，请像 multitask 那样在一个阶段内训练",
    (
        "the adaptive run ended with this open: {verdict} so far, and {share} of the forecasts of "
        "the full grid say the same"
    ): "自适应运行结束时此问题未定：目前为{verdict}，对完整网格的预测中有 {share} 与之一致",
    "most of them, {share}, say {verdict}": "其中多数（{share}）预测为{verdict}",
    "adaptive: {why}": "自适应：{why}",
    "every question is decided": "每个问题都已确定",
    "the grid is complete": "网格已完整",
    "the budget is spent": "预算已用完",
    "no cell is left that bears on what is open": "没有剩余单元与未定的问题有关",
    "nothing could be measured": "什么都没能测量",
    "the untuned model is expected to be better than any recipe": "预期未微调的模型好于任何方案",
    "sizes: the most rows that were measured": "数据量：取测量过的最多条数",
    "over the budget": "超出预算",
    "measured utility {value}": "实测效用 {value}",
    "leaves {share} of the budget: more is not expected to help": (
        "剩余预算的 {share}：预期更多数据没有帮助"
    ),
    "the recommended recipe itself: confirms or corrects it": "推荐方案本身：予以证实或更正",
    "the recommended recipe itself": "推荐方案本身",
    "whether {one} beats {other}": "{one}是否胜过{other}",
    "whether more {names} is better": "更多 {names} 是否更好",
    "whether more of less is better": "某些来源更多、另一些更少是否更好",
    "near the choice": "与所选方案相近",
    "a leaner recipe": "更省的方案",
    "its utility is known to ±{value}": "其效用的误差为 ±{value}",
    "{model} has {n} finished cells": "{model} 有 {n} 个完成的单元",
    "{model} has {n} finished cell": "{model} 有 {n} 个完成的单元",
    "{n} are the fewest that carry a recommendation": "至少 {n} 个才能支持推荐",
    "{model} has only {n} cells, so much is guessed": "{model} 只有 {n} 个单元，因此多出于猜测",
    "{model} was never measured on {name}": "{model} 从未在 {name} 上测量过",
    (
        "{model} has {n} cells: what it lacks is taken from {other} ({m} cells), which ranks cells "
        "alike"
    ): "{model} 有 {n} 个单元：所缺的取自 {other}（{m} 个单元），两者对单元的排名相近",
    "nothing can be carried over from {name}: {verdict}, {why}": (
        "不能从 {name} 借用任何结果：{verdict}，{why}"
    ),
    "transfers": "可以迁移",
    "does not transfer": "不能迁移",
    "not every ability that counts was measured on both": "并非每种计入的能力都在两者上测量过",
    "{model} has no finished cell": "{model} 没有完成的单元",
    "{model} was not measured on what counts": "{model} 未在计入的能力上测量过",
    "{n} cells in common": "共有 {n} 个单元",
    "{n} are the fewest that rank anything": "至少 {n} 个才能排名",
    "{share} of pairs of cells that noise lets tell apart are ranked alike": (
        "在噪声中仍可分辨的单元对里，{share} 排名一致"
    ),
    "only {share} of pairs of cells that noise lets tell apart are ranked alike": (
        "在噪声中仍可分辨的单元对里，只有 {share} 排名一致"
    ),
    (
        "{share} of pairs of cells that noise lets tell apart are ranked alike, but the interval "
        "does not decide"
    ): "在噪声中仍可分辨的单元对里，{share} 排名一致，但区间不足以下结论",
    "{n} cells in common, which noise does not let tell apart": (
        "共有 {n} 个单元，但噪声使其无法分辨"
    ),
    (
        "a budget of {amount} is {times} times what the largest measured cell took ({largest}), "
        "and nothing measured tells what happens there"
    ): "预算 {amount} 是最大实测单元所用（{largest}）的 {times} 倍，没有任何测量能说明那里会怎样",
    "ask for at most {most}, or measure larger cells": "请至多要求 {most}，或测量更大的单元",
    "a budget of {amount} is below the smallest amounts that were measured ({least} rows)": (
        "预算 {amount} 低于测量过的最小数量（{least} 条）"
    ),
    "measure smaller cells, or give more": "请测量更小的单元，或增加预算",
    "the rows there are ({there}) are below the smallest amounts that were measured": (
        "现有数据（{there}）低于测量过的最小数量"
    ),
    "measure smaller cells, or find more rows": "请测量更小的单元，或寻找更多数据",
    (
        "no recipe within the budget is likely to keep the floor {asked}: the likeliest does with "
        "probability {p} ({name} is the hardest)"
    ): "预算内没有方案可能守住下限 {asked}：最可能的概率为 {p}（{name} 最难）",
    (
        "no recipe within the budget is likely to keep the floor {asked}: the likeliest does with "
        "probability {p}"
    ): "预算内没有方案可能守住下限 {asked}：最可能的概率为 {p}",
    (
        "no recipe keeps the floor {asked} for sure: the choice is among the likeliest, with "
        "probability {p}"
    ): "没有方案能确保守住下限 {asked}：所选方案属最可能之列，概率为 {p}",
    "Gaussian process on log rows (ours)": "以条数的对数为自变量的高斯过程（我们的做法）",
}
"""English, as it is given, and Chinese; both have the same values."""


def reason(text: str) -> str:
    """Return `text` in Chinese, clause by clause; what is not known stays as it is."""
    whole = _known(text)
    if whole is not None:
        return whole
    return "；".join(_known(clause) or clause for clause in text.split("; "))


def _known(clause: str) -> str | None:
    """Return the clause in Chinese, with those of its values that are words of ours."""
    for pattern, chinese in _patterns():
        if match := pattern.fullmatch(clause):
            values = {name: _known(value) or value for name, value in match.groupdict().items()}
            if "names" in values:
                values["names"] = values["names"].replace(" and ", "、")
            return chinese.format(**values)
    return None


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compile the longest first, so that a general pattern takes no clause from a special one."""
    return tuple(
        (re.compile(_expression(english), re.DOTALL), chinese)
        for english, chinese in sorted(REASONS.items(), key=lambda pair: -len(pair[0]))
    )


def _expression(english: str) -> str:
    parts = re.split(r"\{(\w+)\}", english)
    return "".join(
        f"(?P<{part}>(?:(?!; ).)+?)" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    )
