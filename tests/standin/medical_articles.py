"""The corpus of the scenario medical_library, made from a seed: no article of it was ever written.

``python -m tests.standin.medical_articles`` writes it beside the scenario.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from mcstress.services.corpus_file import CorpusItem, write_corpus
from mcstress.users.scenarios.load import FOLDER

FILE = FOLDER / "medical_articles.jsonl"
SEED = 42
EACH = 4
TOPICS = {
    "heart failure": ["ejection fraction", "diuretics", "natriuretic peptide"],
    "breast cancer": ["adjuvant therapy", "hormone receptor", "mammography"],
    "atrial fibrillation": ["anticoagulation", "catheter ablation", "rate control"],
    "lung cancer": ["immunotherapy", "low-dose computed tomography", "tumour resection"],
    "hypertension": ["blood pressure target", "salt intake", "angiotensin blockade"],
    "melanoma": ["sentinel node", "checkpoint inhibitor", "skin screening"],
    "stroke": ["thrombolysis", "rehabilitation", "carotid stenosis"],
    "leukaemia": [
        "stem cell transplantation",
        "induction chemotherapy",
        "minimal residual disease",
    ],
}
DESIGNS = {
    "randomised trial": "Patients were allocated at random to two arms, double blind",
    "systematic review": "Databases were searched and studies pooled in a meta-analysis",
    "clinical guideline": "A panel graded the evidence and agreed on recommendations for practice",
    "cohort study": "A registry was followed for ten years, with adjusted hazards",
    "case report": "We describe a single unusual presentation, its work-up and its outcome",
}
POPULATIONS = ["adults", "children", "older adults", "pregnancy"]


def articles(seed: int = SEED) -> list[CorpusItem]:
    """Each topic, design and population ``EACH`` times."""
    random, made = Random(seed), list[CorpusItem]()
    cells = [(t, d, p) for t in TOPICS for d in DESIGNS for p in POPULATIONS for _ in range(EACH)]
    for number, (topic, design, population) in enumerate(cells, start=1):
        aspect, other = random.sample(TOPICS[topic], 2)
        year = random.randint(2001, 2025)
        title = f"{aspect.capitalize()} in {topic}: a {design} in {population}"
        text = (
            f"{title}. {DESIGNS[design]}. {topic.capitalize()}, {population}; also {other}. {year}."
        )
        metadata = {
            "title": title, "topic": topic, "design": design, "population": population,
            "keywords": [aspect, other], "year": year,
        }  # fmt: skip
        made.append(CorpusItem(f"a-{number:04d}", text, metadata))
    return made


if __name__ == "__main__":
    write_corpus(Path(FILE), articles())
