"""Metrics, against values that their papers, programs and tables print, or worked out by hand."""

import math
import random
import warnings

import numpy as np
import pytest

from pytxenc import metrics
from pytxenc.metrics.correlation import average_ranks

# ---- classes ----


def test_accuracy():
    assert metrics.accuracy([0, 2, 1, 3], [0, 1, 2, 3]) == 0.5
    assert metrics.accuracy(["a", "b"], ["a", "c"]) == 0.5
    assert metrics.accuracy([[0, 1], [1, 1]], [[1, 1], [1, 1]]) == 0.5
    assert metrics.accuracy([[1, -100], [2, 3]], [[1, 7], [2, 0]], ignored=-100) == 2 / 3


def test_f1_of_one_class():
    # 3 hits of 4 predicted and 5 labelled: 2 * 3 / 9
    labels, predictions = [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 1, 0]
    assert metrics.f1(labels, predictions) == pytest.approx(6 / 9)
    # of class 0: 1 hit, 3 predicted, 2 labelled
    assert metrics.f1(labels, predictions, positive=0) == pytest.approx(2 / 5)
    assert metrics.f1([0, 0], [0, 0]) == 0
    with pytest.raises(ValueError, match="3 classes"):
        metrics.f1([0, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match="average"):
        metrics.f1([0, 1], [0, 1], average="weighted")


def test_f1_of_several_classes():
    """The example of scikit-learn's f1_score: macro 0.26..., micro 0.33..."""
    labels, predictions = [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]
    # class 0: 2 hits, 3 predicted, 2 labelled: 0.8; the other two have no hits
    assert metrics.f1(labels, predictions, average="macro") == pytest.approx(0.8 / 3)
    assert metrics.f1(labels, predictions, average="micro") == pytest.approx(1 / 3)
    # a class that is only predicted counts too: F1 of a 2/3, of b 0, of c 1
    assert metrics.f1(["a", "a", "c"], ["a", "b", "c"], average="macro") == pytest.approx(5 / 9)
    several = [[1, 0], [1, 1], [0, 0]], [[1, 1], [0, 1], [0, 0]]
    # columns: 1 hit of 1 and 2: 2/3; 1 hit of 2 and 1: 2/3
    assert metrics.f1(*several, average="micro") == pytest.approx(2 / 3)
    assert metrics.f1(*several, average="macro") == pytest.approx(2 / 3)


def test_matthews_correlation():
    # scikit-learn's example: -0.33...
    assert metrics.matthews_correlation([1, 1, 1, -1], [1, -1, 1, 1]) == pytest.approx(-1 / 3)
    # tp 3, tn 2, fp 1, fn 2: (6 - 2) / sqrt(4 * 5 * 3 * 4)
    labels, predictions = [1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 1, 0, 0]
    expected = 4 / math.sqrt(240)
    assert metrics.matthews_correlation(labels, predictions) == pytest.approx(expected)
    assert metrics.matthews_correlation([0, 1, 0], [1, 1, 1]) == 0
    assert metrics.matthews_correlation([1, 1, 1], [1, 0, 1]) == 0
    # three classes: (2 * 3 - (1 * 1 + 2 * 1 + 0 * 1)) / sqrt((9 - 5) * (9 - 3))
    assert metrics.matthews_correlation([0, 1, 2], [0, 1, 1]) == pytest.approx(3 / math.sqrt(24))


def test_wrong_shapes():
    for metric in (metrics.accuracy, metrics.f1, metrics.matthews_correlation, metrics.pearson):
        with pytest.raises(ValueError, match=r"shape \(3,\), but predictions \(2,\)"):
            metric([1, 0, 1], [1, 0])
        with pytest.raises(ValueError, match="no labels"):
            metric([], [])
    with pytest.raises(ValueError, match="all labels are -100"):
        metrics.accuracy([-100], [3], ignored=-100)
    with pytest.raises(ValueError, match="2 dimensions"):
        metrics.pearson([[1]], [[1]])


# ---- numbers ----


def test_pearson():
    """The example of SciPy's pearsonr: -0.828503883588428."""
    found = metrics.pearson([1, 2, 3, 4, 5, 6, 7], [10, 9, 2.5, 6, 4, 3, 2])
    assert found == pytest.approx(-0.828503883588428, abs=1e-14)
    assert metrics.pearson([1, 2, 4], [1e300, 2e300, 4e300]) == pytest.approx(1, abs=1e-15)
    assert metrics.pearson([1, 2, 4], [-1e-300, -2e-300, -4e-300]) == -1


def test_spearman():
    """The example of SciPy's spearmanr, with a tie: 0.8207826816681233."""
    assert average_ranks([0, 2, 3, 2]).tolist() == [1, 2.5, 4, 2.5]
    found = metrics.spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])
    assert found == pytest.approx(0.8207826816681233, abs=1e-14)
    assert metrics.spearman([1, 2, 3], [1, 10, 1000]) == 1


@pytest.mark.parametrize("metric", [metrics.pearson, metrics.spearman])
def test_undefined_correlation(metric):
    with pytest.warns(UserWarning, match="predictions are constant"):
        assert math.isnan(metric([1, 2, 3], [0.1, 0.1, 0.1]))
    with pytest.warns(UserWarning, match="labels are constant"):
        assert math.isnan(metric([2, 2], [1, 2]))
    with pytest.warns(UserWarning, match="not all finite"):
        assert math.isnan(metric([1, 2, 3], [1, math.nan, 2]))


# ---- named sets ----


def test_glue():
    labels, predictions = [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 1, 0]
    accuracy, f1 = 4 / 7, 6 / 9
    expected = {"accuracy": accuracy, "f1": f1, "combined_score": (accuracy + f1) / 2}
    assert metrics.glue_metrics("mrpc")(labels, predictions) == pytest.approx(expected)
    assert metrics.glue_metrics("MRPC")(labels, predictions) == pytest.approx(expected)
    assert metrics.glue_metrics("sst-2")(labels, predictions) == {"accuracy": accuracy}
    assert set(metrics.glue_metrics("sts_b")([1, 2, 3], [1, 3, 2])) == {
        *("pearson", "spearmanr", "combined_score")
    }
    assert list(metrics.glue_metrics("cola")([1, 0], [1, 0])) == ["matthews_correlation"]
    with pytest.raises(ValueError, match="no task 'squad'"):
        metrics.glue_metrics("squad")


def test_metric_sets():
    found = metrics.metric_set(["mse", "pearson"])([1.0, 2.0], [2.0, 4.0])
    assert found == {"mse": 2.5, "pearson": pytest.approx(1)}
    with pytest.raises(ValueError, match="no metric 'acuracy'"):
        metrics.metric_set("acuracy")
    with pytest.raises(ValueError, match="no metrics"):
        metrics.metric_set([])


def test_perplexity():
    assert metrics.perplexity(math.log(105)) == pytest.approx(105)
    assert metrics.perplexity(1e4) == math.inf


# ---- chunks ----


def split(*sentences):
    return [sentence.split() for sentence in sentences]


def test_chunks_of_seqeval():
    """The examples of seqeval's README."""
    labels = split("O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O")
    predictions = split("O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O")
    for mode in ("conlleval", "strict"):
        found = metrics.chunk_scores(labels, predictions, mode)
        assert found["f1"] == found["precision"] == found["recall"] == 0.5
        assert (found["mode"], found["chunks"], found["accuracy"]) == (mode, 2, 0.8)
        assert found["types"]["MISC"] == {"precision": 0, "recall": 0, "f1": 0, "chunks": 1}
        assert found["types"]["PER"] == {"precision": 1, "recall": 1, "f1": 1, "chunks": 1}
    labels, predictions = split("B-NP I-NP O"), split("I-NP I-NP O")
    assert metrics.chunk_scores(labels, predictions)["f1"] == 1
    assert metrics.chunk_scores(labels, predictions, "strict")["f1"] == 0


@pytest.mark.parametrize(
    ("tags", "conlleval", "strict"),
    [
        ("O O", [], []),
        ("O I-A I-A", [("A", 1, 3)], []),  # I- after O
        ("B-A I-B I-B", [("A", 0, 1), ("B", 1, 3)], [("A", 0, 1)]),  # another type
        ("B-A B-A I-A", [("A", 0, 1), ("A", 1, 3)], [("A", 0, 1), ("A", 1, 3)]),
        ("B-A O I-A", [("A", 0, 1), ("A", 2, 3)], [("A", 0, 1)]),
        ("B-A I-B I-A", [("A", 0, 1), ("B", 1, 2), ("A", 2, 3)], [("A", 0, 1)]),
        ("B-A-x I-A-x", [("A-x", 0, 2)], [("A-x", 0, 2)]),
        ("B I O", [("_", 0, 2)], [("_", 0, 2)]),
        ("B-A E-A I-A E-A S-A S-B", [("A", 0, 2), ("A", 2, 4), ("A", 4, 5), ("B", 5, 6)], None),
    ],
)
def test_chunks(tags, conlleval, strict):
    assert metrics.chunks(tags.split()) == conlleval
    if strict is None:
        with pytest.raises(ValueError, match="word 1 is 'E-A'"):
            metrics.chunks(tags.split(), "strict")
    else:
        assert metrics.chunks(tags.split(), "strict") == strict


def test_chunks_by_the_rules_of_the_script():
    """conlleval's two rules, for a begin and an end, as its documentation tables them."""

    def begins(before, kind_before, tag, kind):
        pairs = {("B", "B"), ("I", "B"), ("O", "B"), ("O", "I"), ("E", "E"), ("E", "I"), ("O", "E")}
        different = tag not in "O." and kind_before != kind
        return (before, tag) in pairs or tag == "B" or different

    def ends(before, kind_before, tag, kind):
        pairs = {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O"), ("E", "E"), ("E", "I"), ("E", "O")}
        return (
            (before, tag) in pairs or before == "E" or (before not in "O." and kind_before != kind)
        )

    generator = random.Random(0)
    words = ["O", *(f"{p}-{t}" for p in "BIE" for t in "XY")]
    for _ in range(300):
        tags = generator.choices(words, k=generator.randrange(9))
        found, start, last = [], 0, ("O", "")
        for place, tag in enumerate([*tags, "O"]):
            prefix, _, kind = tag.partition("-")
            if ends(*last, prefix, kind) and last[0] != "O":
                found.append((last[1], start, place))
            if begins(*last, prefix, kind):
                start = place
            last = prefix, kind
        assert metrics.chunks(tags) == found, tags


def test_chunk_errors():
    with pytest.raises(ValueError, match=r"sentence 1: the tag of word 1 is 'NOUN'"):
        metrics.chunk_scores(split("O", "O NOUN"), split("O", "O O"))
    with pytest.raises(ValueError, match="sentence 0 has 2 labels, but 1 predictions"):
        metrics.chunk_scores(split("O O"), split("O"))
    with pytest.raises(ValueError, match="mode"):
        metrics.chunks(["O"], "iob1")
    assert metrics.chunk_scores([], [])["f1"] == 0


# ---- answers ----


def test_normalize_answer():
    assert metrics.normalize_answer(" The U.S.  theatre, an\tAnt! ") == "us theatre ant"
    assert metrics.normalize_answer("a the") == ""


def test_squad_1():
    answers = {"1": ["Denver Broncos", "the Denver Broncos team"], "2": ["1990"], "3": ["a"]}
    predictions = {"1": "Denver Broncos team", "2": "in 1990", "3": "the"}
    # 1: exactly the second; 2: shares 1 of 2 and 1 words: 2/3; 3: empty both, equal, no overlap
    found = metrics.squad_scores(answers, predictions)
    assert found == pytest.approx({"exact_match": 200 / 3, "f1": 100 * (1 + 2 / 3 + 0) / 3})
    # every word counts as often as it occurs: 2 shared of 3 and 2
    found = metrics.squad_scores({"1": ["x x y"]}, {"1": "x x"})
    assert found["f1"] == pytest.approx(80)


def test_squad_2():
    answers = {"1": ["Paris"], "2": [], "3": ["Rome"], "4": []}
    predictions = {"1": "in Paris", "2": "", "3": "", "4": "Oslo"}
    found = metrics.squad_scores(answers, predictions, version=2)
    expected = {
        "exact_match": 25,
        "f1": 100 * (2 / 3 + 1) / 4,
        "has_answer_exact_match": 0,
        "has_answer_f1": 100 * (2 / 3) / 2,
        "no_answer_exact_match": 50,
        "no_answer_f1": 50,
    }
    assert found == pytest.approx(expected)
    assert "no_answer_f1" not in metrics.squad_scores({"1": ["x"]}, {"1": "x"}, version=2)


def test_squad_errors():
    with pytest.raises(ValueError, match="no prediction for the question 'q'"):
        metrics.squad_scores({"q": ["x"]}, {})
    with pytest.raises(ValueError, match="question 'q' has no answer"):
        metrics.squad_scores({"q": []}, {"q": ""})
    with pytest.raises(ValueError, match="no questions"):
        metrics.squad_scores({}, {})
    with pytest.raises(ValueError, match="version"):
        metrics.squad_scores({"q": ["x"]}, {"q": "x"}, version=3)


# ---- intervals ----


@pytest.mark.parametrize(
    ("freedom", "level", "quantile"),
    [  # from the printed tables of Student's distribution
        (1, 0.95, 12.706), (2, 0.95, 4.303), (3, 0.95, 3.182), (4, 0.95, 2.776), (9, 0.95, 2.262),
        (10, 0.95, 2.228), (30, 0.95, 2.042), (120, 0.95, 1.980), (1, 0.99, 63.657),
        (2, 0.99, 9.925), (10, 0.99, 3.169), (5, 0.90, 2.015), (60, 0.90, 1.671), (7, 0.5, 0.711),
    ],
)  # fmt: skip
def test_t_quantiles(freedom, level, quantile):
    assert metrics.t_quantile(freedom, level) == pytest.approx(quantile, abs=5.1e-4)


def test_t_quantiles_beyond_tables():
    assert metrics.t_quantile(1, 0.999) == pytest.approx(math.tan(0.999 * math.pi / 2))
    assert metrics.t_quantile(100_000) == pytest.approx(1.959964, abs=1e-4)
    for wrong in ((0, 0.95), (3, 0), (3, 1)):
        with pytest.raises(ValueError):
            metrics.t_quantile(*wrong)


def test_mean_interval():
    # mean 3, squares 4 + 1 + 0 + 1 + 4 over 4: SD sqrt(2.5); half 2.776 * sqrt(2.5 / 5)
    found = metrics.mean_interval([1, 2, 3, 4, 5])
    assert found[:2] == (3, pytest.approx(math.sqrt(2.5)))
    assert found.high - 3 == 3 - found.low == pytest.approx(2.7764 * math.sqrt(0.5), abs=1e-4)
    assert found.n == 5
    alone = metrics.mean_interval([2.0])
    assert alone.mean == 2 and math.isnan(alone.sd) and math.isnan(alone.low)
    with pytest.raises(ValueError, match="no values"):
        metrics.mean_interval([])


def test_paired_difference():
    # differences 1, 2, 3: mean 2, SD 1, half 4.303 / sqrt(3)
    found = metrics.paired_difference([2, 4, 6], [1, 2, 3])
    assert found[:2] == (2, 1) and found.high - 2 == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    with pytest.raises(ValueError, match="3 values cannot be paired with 2"):
        metrics.paired_difference([1, 2, 3], [1, 2])


def test_numpy_in_python_out():
    """Results are plain numbers, which JSON takes."""
    labels, predictions = np.array([1, 0, 1], np.int32), np.array([1, 0, 0], np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, metric in metrics.METRICS.items():
            assert type(metric(labels, predictions)) is float, name
