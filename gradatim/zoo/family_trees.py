"""The two family trees of Hinton 1986: 24 people, 12 relations, and the 112 facts that follow.

The English and the Italian tree are isomorphic, which nothing tells the network. A fact is a
person, a relation and a person: Colin, aunt, Jennifer. Some questions have two answers (Colin has
two aunts), so that there are 104 questions.

G. E. Hinton 1986, *Learning distributed representations of concepts*, Proc. 8th Annual Conference
of the Cognitive Science Society, figure 1.
"""

from __future__ import annotations

import numpy as np

ENGLISH = (
    "Christopher", "Penelope", "Andrew", "Christine", "Margaret", "Arthur", "Victoria", "James",
    "Jennifer", "Charles", "Colin", "Charlotte",
)  # fmt: skip
ITALIAN = (
    "Roberto", "Maria", "Pierro", "Francesca", "Gina", "Emilio", "Lucia", "Marco", "Angela",
    "Tomaso", "Alfonso", "Sophia",
)  # fmt: skip
PEOPLE = ENGLISH + ITALIAN
RELATIONS = (
    "father", "mother", "husband", "wife", "son", "daughter", "uncle", "aunt", "brother", "sister",
    "nephew", "niece",
)  # fmt: skip

# By place in either list: husband and wife, and their children.
COUPLES = {(0, 1): (5, 6), (2, 3): (7, 8), (5, 4): (), (7, 6): (10, 11), (9, 8): ()}
MEN = {0, 2, 5, 7, 9, 10}


def facts() -> list[tuple[str, str, str]]:
    """All facts, in the order of the lists above.

    Example:
        >>> len(facts()), ("Colin", "aunt", "Margaret") in facts()
        (112, True)
    """
    found: set[tuple[int, int, int]] = set()

    def add(person: int, of_man: str, of_woman: str, other: int) -> None:
        found.add((person, RELATIONS.index(of_man if other in MEN else of_woman), other))

    spouses = {a: b for pair in COUPLES for a, b in (pair, pair[::-1])}
    parents = {child: pair for pair, children in COUPLES.items() for child in children}
    for person, spouse in spouses.items():
        add(person, "husband", "wife", spouse)
    for child, pair in parents.items():
        for parent in pair:
            add(child, "father", "mother", parent)
            add(parent, "son", "daughter", child)
            for sibling in set(COUPLES.get(parents.get(parent, ()), ())) - {parent}:
                for other in (sibling, spouses[sibling]):
                    add(child, "uncle", "aunt", other)
                    add(other, "nephew", "niece", child)
        for sibling in set(COUPLES[pair]) - {child}:
            add(child, "brother", "sister", sibling)
    return [
        (people[person], RELATIONS[relation], people[other])
        for people in (ENGLISH, ITALIAN)
        for person, relation, other in sorted(found)
    ]


def questions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 104 questions and their answers as zeros and ones, float32.

    Returns:
        person (104, 24), relation (104, 12), answer (104, 24), which has one or two ones.
    """
    answers: dict[tuple[str, str], list[str]] = {}
    for person, relation, other in facts():
        answers.setdefault((person, relation), []).append(other)
    people, relations = np.eye(24, dtype=np.float32), np.eye(12, dtype=np.float32)
    return (
        people[[PEOPLE.index(person) for person, _ in answers]],
        relations[[RELATIONS.index(relation) for _, relation in answers]],
        np.stack([people[[PEOPLE.index(one) for one in some]].sum(0) for some in answers.values()]),
    )
