"""CMMLU: Chinese knowledge in 67 subjects, four options each (Li et al. 2023, arXiv 2306.09212).

Asked as its authors ask: one text of instruction, examples and question that ends in `答案是：`,
and the likeliest letter there is the answer.  The published average is the mean over subjects,
`macro_accuracy`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from espalier.abilities._data import Limit, find, one_of, rows, text
from espalier.abilities._exam import RAW_STOP, By, Form, Question, ask, first, item, scorers, some
from espalier.ability import Ability, Item
from espalier.format import Record

FETCH = "data/test/*.csv and data/dev/*.csv from github.com/haonan-li/CMMLU"
PLACES = (
    "cmmlu/{split}/{task}.csv",
    "data/{split}/{task}.csv",
    "{split}/{task}.csv",
    "{task}/{split}-*.parquet",
)
HEAD = "以下是关于{}的单项选择题，请直接给出正确答案的选项。\n\n"


def cmmlu(
    *,
    task: str | None = None,
    shots: Annotated[int, Field(ge=0, le=5)] = 0,
    by: By = "likelihood",
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "cmmlu",
) -> Ability:
    """Read the test split of one subject, or of all 67; `shots` examples come from its dev split.

    A `limit` takes turns among the subjects.
    """
    subjects = one_of(task, tuple(SUBJECTS), what="ability cmmlu")
    made = [_subject(s, data, shots, form, alone=task is not None) for s in subjects]
    return Ability(
        name=name,
        items=some(made, limit),
        scorers=scorers(by, macro=task is None),
        suite="cmmlu",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )


def _subject(task: str, data: str | None, shots: int, form: Form, *, alone: bool) -> list[Item]:
    examples = first(_read(task, "dev", data) if shots else [], shots, f"cmmlu:{task}")
    head = HEAD.format(SUBJECTS[task])
    return [
        item(
            f"cmmlu/{task}/{number}",
            question,
            prompt=ask(question, examples, form=form, head=head, turns=False),
            cluster=None if alone else task,
        )
        for number, question in enumerate(_read(task, "test", data))
    ]


def _read(task: str, split: str, data: str | None) -> list[Question]:
    places = [place.format(task=task, split=split) for place in PLACES]
    file = find(f"CMMLU's {task}, {split}", places, data, fetch=FETCH)
    return rows(file, _question, welcome="{Question, A, B, C, D, Answer} with a letter A to D")


def _question(_: int, record: Record) -> Question | None:
    options, answer = [text(record, letter) for letter in "ABCD"], text(record, "Answer").strip()
    lines = [f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=True)]
    asked = "\n".join(("题目：" + text(record, "Question"), *lines, "答案是："))
    known = answer in tuple("ABCD")
    return Question(text=asked, options=options, answer=answer) if known else None


SUBJECTS = {
    "agronomy": "农学",
    "anatomy": "解剖学",
    "ancient_chinese": "古汉语",
    "arts": "艺术学",
    "astronomy": "天文学",
    "business_ethics": "商业伦理",
    "chinese_civil_service_exam": "中国公务员考试",
    "chinese_driving_rule": "中国驾驶规则",
    "chinese_food_culture": "中国饮食文化",
    "chinese_foreign_policy": "中国外交政策",
    "chinese_history": "中国历史",
    "chinese_literature": "中国文学",
    "chinese_teacher_qualification": "中国教师资格",
    "clinical_knowledge": "临床知识",
    "college_actuarial_science": "大学精算学",
    "college_education": "大学教育学",
    "college_engineering_hydrology": "大学工程水文学",
    "college_law": "大学法律",
    "college_mathematics": "大学数学",
    "college_medical_statistics": "大学医学统计",
    "college_medicine": "大学医学",
    "computer_science": "计算机科学",
    "computer_security": "计算机安全",
    "conceptual_physics": "概念物理学",
    "construction_project_management": "建设工程管理",
    "economics": "经济学",
    "education": "教育学",
    "electrical_engineering": "电气工程",
    "elementary_chinese": "小学语文",
    "elementary_commonsense": "小学常识",
    "elementary_information_and_technology": "小学信息技术",
    "elementary_mathematics": "初等数学",
    "ethnology": "民族学",
    "food_science": "食品科学",
    "genetics": "遗传学",
    "global_facts": "全球事实",
    "high_school_biology": "高中生物",
    "high_school_chemistry": "高中化学",
    "high_school_geography": "高中地理",
    "high_school_mathematics": "高中数学",
    "high_school_physics": "高中物理学",
    "high_school_politics": "高中政治",
    "human_sexuality": "人类性行为",
    "international_law": "国际法学",
    "journalism": "新闻学",
    "jurisprudence": "法理学",
    "legal_and_moral_basis": "法律与道德基础",
    "logical": "逻辑学",
    "machine_learning": "机器学习",
    "management": "管理学",
    "marketing": "市场营销",
    "marxist_theory": "马克思主义理论",
    "modern_chinese": "现代汉语",
    "nutrition": "营养学",
    "philosophy": "哲学",
    "professional_accounting": "专业会计",
    "professional_law": "专业法学",
    "professional_medicine": "专业医学",
    "professional_psychology": "专业心理学",
    "public_relations": "公共关系",
    "security_study": "安全研究",
    "sociology": "社会学",
    "sports_science": "体育学",
    "traditional_chinese_medicine": "中医中药",
    "virology": "病毒学",
    "world_history": "世界历史",
    "world_religions": "世界宗教",
}
"""The subjects, and what the instruction calls them."""
