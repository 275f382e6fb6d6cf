"""One spelling for the models 文本归一: Traditional to Simplified, numbers masked, noise removed.

Classifiers see what was meant, not how it was typed: a masked number, one form of each
character, a stretched 啊啊啊啊 cut short. Entities are read from the original text, never from
this one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

_NUMBER = re.compile(r"(?<!\d)\+?\d[\d\-* ]{5,}\d(?!\d)")
_SPOKEN_NUMBER = re.compile(r"[零一二三四五六七八九幺]{6,}")
_STRETCHED = re.compile(r"(.)\1{2,}")
_SPACE = re.compile(r"\s+")
_FILLER = re.compile(
    r"(?:嗯+|呃+|额(?!度|外)|哦+|噢+|喔+|诶+|欸+|唉+|哎呀?|啊|呀|哈|嘛|喂|您好|你好|那个(?!人)|这个那个|就是说?|然后|"
    r"那什么|怎么说呢?|请问一?下?|麻烦您?|我想问一?下?|我问一?下?|帮我)"
)
_PUNCTUATION = re.compile(r"[^\w*]+")


@lru_cache(maxsize=1)
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


@lru_cache(maxsize=8_192)
def tidy(text: str) -> str:
    """Return the text as the models read it; empty when it holds no letter, figure or sign."""
    text = _simplifier().convert(unicodedata.normalize("NFKC", text)).lower()
    text = _NUMBER.sub("某号码", text)
    text = _SPOKEN_NUMBER.sub("某号码", text)
    return _SPACE.sub(" ", _STRETCHED.sub(r"\1\1", text)).strip()


def without_fillers(tidied: str) -> str:
    """Drop fillers and punctuation, unless nothing else is there."""
    kept = _PUNCTUATION.sub(" ", _FILLER.sub("", tidied)).strip()
    return kept or tidied
