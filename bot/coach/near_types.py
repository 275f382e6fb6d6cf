"""Near types 易混类型: which known types the sentences of a new one would be taken for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bot.coach.examples import Example
from bot.desk.likeness import bare
from bot.handbook.tables import Handbook

SHOWN = 5


def confusable(
    texts: Sequence[str], known: Sequence[Example], handbook: Handbook, *, reader: Any = None
) -> list[dict[str, Any]]:
    """Return the types that the texts are read as most: by the model, else by their characters."""
    if not texts:
        return []
    read = [reading.type for reading in reader.read(texts)] if reader else by_characters(texts, known)
    found = []
    for name, count in Counter(read).most_common(SHOWN):
        title = handbook.types[name].title if name in handbook.types else name
        found.append({"type": name, "title": title, "share": round(count / len(texts), 3)})
    return found


def by_characters(texts: Sequence[str], known: Sequence[Example]) -> list[str]:
    """Return the type whose sentences share most with each text: all of the data in half a second."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import ComplementNB

    if not known:
        return []
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 2))
    model = ComplementNB().fit(
        counts.fit_transform([bare(e.text) for e in known]), [e.type for e in known]
    )
    return [str(name) for name in model.predict(counts.transform([bare(text) for text in texts]))]
