"""C-Eval: Chinese exams in 52 subjects, four options each (Huang et al. 2023, arXiv 2305.08322).

The validation split, since the answers of the test split are kept by its authors; examples come
from the dev split.  The tasks `ood_...` are the three out-of-domain exams of Song et al. 2023: 40
questions each, five examples as turns of the conversation, and a reply of more than one character
is replaced by the likeliest letter.  Which 40 they drew is not published, so ours are drawn by a
seed of our own.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from espalier.abilities._data import Limit, find, one_of, pick, rows, text
from espalier.abilities._exam import RAW_STOP, By, Form, Question, ask, first, item, scorers, some
from espalier.ability import Ability, Item
from espalier.format import Record

FETCH = "ceval-exam.zip (val/*.csv, dev/*.csv) from huggingface.co/datasets/ceval/ceval-exam"
PLACES = (
    "ceval/{split}/{task}_{split}.csv",
    "ceval-exam/{split}/{task}_{split}.csv",
    "{split}/{task}_{split}.csv",
    "{task}/{split}-*.parquet",
)
HEAD = "以下是中国关于{}考试的单项选择题，请选出其中的正确答案。\n\n"
OOD = ("teacher_qualification", "physician", "urban_and_rural_planner")
OOD_ITEMS = 40
OOD_SEED = 0


def ceval(
    *,
    task: str | None = None,
    shots: Annotated[int, Field(ge=0, le=5)] = 5,
    by: By | None = None,
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "ceval",
) -> Ability:
    """Read the validation split of one subject, of all 52, or the out-of-domain exams.

    `by` is likelihood, for out-of-domain exams text_then_likelihood.  `task: ood` is all three of
    them.  A `limit` takes turns among the subjects.
    """
    exams = {f"ood_{subject}": [subject] for subject in OOD} | {"ood": list(OOD)}
    out = task in exams
    known = (*SUBJECTS, *exams)
    subjects = exams[str(task)] if out else one_of(task, known, what="ability ceval")
    subjects = [subject for subject in subjects if subject not in exams]
    groups = [_subject(s, data, shots, form, alone=len(subjects) == 1) for s in subjects]
    if out:
        groups = [list(pick(group, OOD_ITEMS, seed=OOD_SEED)) for group in groups]
    return Ability(
        name=name,
        items=some(groups, limit),
        scorers=scorers(
            by or ("text_then_likelihood" if out else "likelihood"), macro=len(subjects) > 1
        ),
        role="out" if out else None,
        suite="ceval",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )


def _subject(task: str, data: str | None, shots: int, form: Form, *, alone: bool) -> list[Item]:
    examples = first(_read(task, "dev", data) if shots else [], shots, f"ceval:{task}")
    head = HEAD.format(SUBJECTS[task])
    return [
        item(
            f"ceval/{task}/{number}",
            question,
            prompt=ask(question, examples, form=form, head=head),
            cluster=None if alone else task,
        )
        for number, question in enumerate(_read(task, "val", data))
    ]


def _read(task: str, split: str, data: str | None) -> list[Question]:
    places = [place.format(task=task, split=split) for place in PLACES]
    file = find(f"C-Eval's {task}, {split}", places, data, fetch=FETCH)
    return rows(file, _question, welcome="{question, A, B, C, D, answer} with a letter A to D")


def _question(_: int, record: Record) -> Question | None:
    options, answer = [text(record, letter) for letter in "ABCD"], text(record, "answer").strip()
    lines = [f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=True)]
    asked = "\n".join((text(record, "question"), *lines, "答案："))
    known = answer in tuple("ABCD")
    return Question(text=asked, options=options, answer=answer) if known else None


SUBJECTS = {
    "accountant": "注册会计师",
    "advanced_mathematics": "高等数学",
    "art_studies": "艺术学",
    "basic_medicine": "基础医学",
    "business_administration": "工商管理",
    "chinese_language_and_literature": "中国语言文学",
    "civil_servant": "公务员",
    "clinical_medicine": "临床医学",
    "college_chemistry": "大学化学",
    "college_economics": "大学经济学",
    "college_physics": "大学物理",
    "college_programming": "大学编程",
    "computer_architecture": "计算机组成",
    "computer_network": "计算机网络",
    "discrete_mathematics": "离散数学",
    "education_science": "教育学",
    "electrical_engineer": "注册电气工程师",
    "environmental_impact_assessment_engineer": "环境影响评价工程师",
    "fire_engineer": "注册消防工程师",
    "high_school_biology": "高中生物",
    "high_school_chemistry": "高中化学",
    "high_school_chinese": "高中语文",
    "high_school_geography": "高中地理",
    "high_school_history": "高中历史",
    "high_school_mathematics": "高中数学",
    "high_school_physics": "高中物理",
    "high_school_politics": "高中政治",
    "ideological_and_moral_cultivation": "思想道德修养与法律基础",
    "law": "法学",
    "legal_professional": "法律职业资格",
    "logic": "逻辑学",
    "mao_zedong_thought": "毛泽东思想和中国特色社会主义理论体系概论",
    "marxism": "马克思主义基本原理",
    "metrology_engineer": "注册计量师",
    "middle_school_biology": "初中生物",
    "middle_school_chemistry": "初中化学",
    "middle_school_geography": "初中地理",
    "middle_school_history": "初中历史",
    "middle_school_mathematics": "初中数学",
    "middle_school_physics": "初中物理",
    "middle_school_politics": "初中政治",
    "modern_chinese_history": "近代史纲要",
    "operating_system": "操作系统",
    "physician": "医师资格",
    "plant_protection": "植物保护",
    "probability_and_statistics": "概率统计",
    "professional_tour_guide": "导游资格",
    "sports_science": "体育学",
    "tax_accountant": "税务师",
    "teacher_qualification": "教师资格",
    "urban_and_rural_planner": "注册城乡规划师",
    "veterinary_medicine": "兽医学",
}
"""The subjects, and what the instruction calls them."""
