"""Reading the files of tasks, and making of them what models take."""

import json
import lzma

import numpy as np
import pytest
from task_models import small_model, small_tokenizer

from pytxenc import tasks
from pytxenc.metrics import chunk_scores
from pytxenc.tasks import Labels, TableOptions, read_conll, read_records, read_squad


@pytest.fixture
def write(tmp_path):
    """Writes a file into a folder of its own; returns its path."""

    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def values(path, columns, **options):
    records = read_records(path, columns, TableOptions(**options))
    return [(record.line, *record.values.values()) for record in records]


# ---- tables ----


def test_tsv_by_name(write):
    path = write("a.tsv", '\ufeffQuality\t#1 String\r\n1\tShe said "no\r\n\n0\t\'x\' "y"\n')
    found = values(path, {"text": "#1 String", "label": "Quality"})
    assert found == [(2, 'She said "no', "1"), (4, "'x' \"y\"", "0")]


def test_tsv_by_number(write):
    path = write("a.txt.xz", lzma.compress(b"good film\t1\nbad\t0"))
    assert values(path, {"text": 0, "label": 1}) == [(1, "good film", "1"), (2, "bad", "0")]
    assert values(path, {"text": 0}, header=True) == [(2, "bad")]
    one = write("one.tsv", "a\n\nb\n")
    assert values(one, {"text": 0}) == [(1, "a"), (2, ""), (3, "b")]


def test_csv(write):
    path = write("a.csv", 'text,label\n"two\r\nlines, ""quoted""",1\nplain,0\n')
    assert values(path, {"text": "text", "label": "label"}) == [
        (2, 'two\nlines, "quoted"', "1"),
        (4, "plain", "0"),
    ]
    path = write("a.tsv", '"a\tb"\tc\n')
    assert values(path, {"x": 0, "y": 1}, quotes=True) == [(1, "a\tb", "c")]
    path = write("b.csv", '"a,b\n')
    assert values(path, {"x": 0}, quotes=False) == [(1, '"a')]


def test_jsonl(write):
    path = write("a.jsonl", '{"s": "x", "y": 1}\n\n{"y": 2.5, "s": "z", "more": []}\n')
    assert values(path, {"text": "s", "label": "y"}) == [(1, "x", 1), (3, "z", 2.5)]
    assert values(path, {"text": "s"}, format="jsonl") == [(1, "x"), (3, "z")]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("a.tsv", "a\tb\nx\n", {"t": "a"}, "line 2: 1 fields, but 2 in the first row"),
        ("a.tsv", "a\tb\nx\ty\n\t\n1\t2\t3", {"t": 1}, "line 4: 3 fields"),
        (
            "a.tsv",
            "a\tb\n",
            {"text": "c"},
            "line 1: there is no column 'c' for the text; .*'a', 'b'",
        ),
        ("a.tsv", "a\ta\n", {"t": "a"}, "more than one column 'a'"),
        ("a.tsv", "a\tb\n", {"t": 2}, "line 1: there is no column 2 for the t"),
        ("a.tsv", "a\tb\n", {"t": -1}, "columns count from 0"),
        ("a.tsv", "", {"t": 0}, "the file is empty"),
        ("a.tsv", b"ok\nna\xefve\n", {"t": 0}, "line 2: not UTF-8: byte 0xef at byte 2"),
        ("a.tsv", "a".encode("utf-16"), {"t": 0}, "this is UTF-16 text"),
        ("a.csv", 'a\nx\n"never closed\ny\n', {"t": 0}, "line 3: "),
        ("a.csv", 'a\n"x" y\n', {"t": 0}, "line 2: "),
        ("a.jsonl", '{"a": "x"}\n{"a"\n', {"t": "a"}, "line 2: not JSON"),
        ("a.jsonl", "[" * 100_000, {"t": "a"}, "line 1: not JSON"),
        ("a.jsonl", "[1]", {"t": "a"}, "line 1: not a JSON object"),
        ("a.jsonl", '{"b": 1, "c": 2}', {"t": "a"}, "no field 'a' for the t; there are 'b', 'c'"),
        ("a.jsonl", '{"b": 1}', {"t": 0}, "fields of JSON Lines have names"),
        ("a.dat", "x", {"t": 0}, "give the format"),
        ("a.tsv", "x", {}, "no columns"),
    ],
)
def test_wrong_tables(write, name, content, columns, message):
    with pytest.raises(ValueError, match=message):
        values(write(name, content), columns)


def test_wrong_options(write, tmp_path):
    with pytest.raises(ValueError, match="must be given by number"):
        values(write("a.tsv", "a\n"), {"t": "a"}, header=False)
    with pytest.raises(ValueError, match="header is for TSV and CSV"):
        values(write("a.jsonl", "{}"), {"t": "a"}, header=True)
    with pytest.raises(ValueError, match="format must be"):
        TableOptions(format="xml")
    with pytest.raises(FileNotFoundError, match=r"none\.tsv"):
        values(tmp_path / "none.tsv", {"t": 0})
    with pytest.raises(IsADirectoryError):
        values(tmp_path, {"t": 0}, format="tsv")


def test_wrong_values(write):
    path = write("a.jsonl", '{"s": "x"}\n{"s": null}\n{"s": NaN}\n{"s": ""}\n{"s": ["a", 1]}\n')
    _, null, nan, empty, mixed = read_records(path, {"s": "s"})
    for record, method in ((null, "text"), (null, "label"), (nan, "number"), (empty, "label")):
        with pytest.raises(ValueError, match=rf"a\.jsonl: line {record.line}: the s "):
            getattr(record, method)("s")
    with pytest.raises(ValueError, match="line 5: the s must be a list of words"):
        mixed.words("s")


# ---- CoNLL and SQuAD ----


def test_conll(write):
    path = write("a.txt", "-DOCSTART- -X- O\n\nThe DT B-NP\ncat NN I-NP\n\n\nsat VB O\n")
    first, second = read_conll(path)
    assert (first.line, first.words, first.tags) == (3, ["The", "cat"], ["B-NP", "I-NP"])
    assert (second.line, second.words, second.tags) == (7, ["sat"], ["O"])
    assert [s.tags for s in read_conll(path, tag=1)] == [["DT", "NN"], ["VB"]]
    assert [s.tags for s in read_conll(path, tag=None)] == [None, None]
    tabs = write("b.txt", "New York\tB\n")
    assert next(read_conll(tabs, separator="\t")).words == ["New York"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a X\nb\n", {}, "line 2: 1 columns, but 2"),
        ("a X\n", {"tag": 2}, "line 1: there is no column 2 for the tags"),
        ("a X\n", {"word": -3}, "line 1: there is no column -3 for the words"),
        (b"a X\n\xff O\n", {}, "line 2: not UTF-8"),
    ],
)
def test_wrong_conll(write, content, options, message):
    with pytest.raises(ValueError, match=message):
        list(read_conll(write("a.txt", content), **options))


CONTEXT = "Ada Lovelace lived in London and wrote the first program."


def squad(*questions, context=CONTEXT):
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": list(questions)}]}]})


def question(key, *answers, **more):
    found = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": key, "question": "Where did she live?", "answers": found, **more}


def test_squad(write):
    plausible = question("b", ("London", 0), is_impossible=True)
    found = read_squad(write("a.json", squad(question("a", ("London", 22)), plausible)))
    assert [(q.id, q.answers) for q in found] == [("a", [("London", 22)]), ("b", [])]
    assert found[0].context == CONTEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (squad(question("a", ("London", 21))), "question 'a': the answer 'London' is not at"),
        (squad(question("a", ("London", True))), "is not at character True"),
        (squad(question("a"), question("a")), "two questions 'a'"),
        (squad({"id": "a", "question": "x"}), "question 'a': 'answers' must be a list"),
        (squad({"question": "x"}), r"data\[0\].paragraphs\[0\].qas\[0\]: 'id' must be a string"),
        ('{"data": 1}', "'data' must be a list"),
        ('{"data": []}', "no questions"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_wrong_squad(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_squad(write("a.json", content))


# ---- labels ----


def test_labels():
    assert Labels.found(["10", "9", "-1"]).names == ["-1", "9", "10"]
    assert Labels.found(["b", "10", "a", "b"]).names == ["10", "a", "b"]
    labels = Labels(["no", "yes"])
    assert labels.id("yes", "here") == 1
    fields = labels.config_fields("single_label_classification")
    model = small_model("Bert", "ForSequenceClassification", **fields)
    assert Labels.of(model.config) == labels and model.config.num_labels == 2
    with pytest.raises(ValueError, match=r"a\.tsv: line 7: the label 'Yes' is none of 'no', 'yes'"):
        labels.id("Yes", "a.tsv: line 7")
    unnamed = Labels(["LABEL_0", "LABEL_1"])
    assert unnamed.id("1", "here") == unnamed.id("LABEL_1", "here") == 1
    with pytest.raises(ValueError, match="'2' is none of"):
        unnamed.id("2", "here")
    for wrong in ([], ["a", "a"]):
        with pytest.raises(ValueError):
            Labels(wrong)


# ---- texts ----


@pytest.mark.parametrize("family", ["Roberta", "Bert"])
def test_classification(write, family):
    tokenizer = small_tokenizer(family)
    rows = "".join(f"the cat number {i}\tand a dog\t{'ab'[i % 2]}\n" for i in range(1100))
    columns = {"text": 0, "pair": 1, "label": 2}
    records = list(read_records(write("a.tsv", rows), columns))
    dataset = tasks.ClassificationDataset.of_records(tokenizer, records, max_length=12)
    assert len(dataset) == 1100 and dataset.labels.names == ["a", "b"]
    for number in (1099, 0, 512, -1):
        at = number % 1100
        text, pair = f"the cat number {at}", "and a dog"
        expected = dict(tokenizer(text, pair, truncation=True, max_length=12))
        assert dataset[number] == {**expected, "labels": at % 2}
    assert len(dataset[10:20]) == 10 and len(list(dataset)) == 1100
    with pytest.raises(IndexError, match="example 1100 of 1100"):
        dataset[1100]
    scores = np.zeros((1100, 2))
    scores[:, 1] = 1
    assert dataset.predictions(scores)[0] == "b" and dataset.score(scores) == {"accuracy": 0.5}


def test_examples_are_not_shared():
    dataset = tasks.ClassificationDataset(
        small_tokenizer("Bert"), ["a"], targets=[0], labels=Labels("xy")
    )
    del dataset[0]["labels"]
    assert dataset[0]["labels"] == 0


def test_regression(write):
    path = write("a.csv", "score,text\n1.5,the cat\n-2e1,the dog\n3,rain\n")
    records = list(read_records(path, {"text": "text", "label": "score"}))
    dataset = tasks.RegressionDataset.of_records(small_tokenizer("Bert"), records)
    assert [row["labels"] for row in dataset] == [1.5, -20, 3]
    found = dataset.score(np.array([[3.0], [-40], [6]]))
    expected = {"pearson": 1, "spearmanr": 1, "mse": (1.5**2 + 20**2 + 3**2) / 3}
    assert found == pytest.approx(expected)
    assert dataset.predictions(np.ones((3, 1))) == [1, 1, 1]
    path = write("b.csv", "score,text\n1,x\nnan,y\n")
    with pytest.raises(ValueError, match=r"b\.csv: line 3: the label must be a finite number"):
        tasks.RegressionDataset.of_records(
            small_tokenizer("Bert"), list(read_records(path, {"text": "text", "label": "score"}))
        )


def test_unknown_labels(write):
    path = write("a.tsv", "x\ta\ny\tc\n")
    records = list(read_records(path, {"text": 0, "label": 1}))
    with pytest.raises(ValueError, match=r"a\.tsv: line 2: the label 'c' is none of 'a', 'b'"):
        tasks.ClassificationDataset.of_records(small_tokenizer("Bert"), records, Labels("ab"))


def test_wrong_targets():
    tokenizer = small_tokenizer("Bert")
    with pytest.raises(IndexError, match="label of example 1 is 2"):
        tasks.ClassificationDataset(tokenizer, ["a", "b"], targets=[0, 2], labels=Labels("xy"))
    with pytest.raises(ValueError, match="2 texts, 1 pairs"):
        tasks.ClassificationDataset(tokenizer, ["a", "b"], ["c"], labels=Labels("xy"))
    with pytest.raises(ValueError, match="target of example 0 is nan"):
        tasks.RegressionDataset(tokenizer, ["a"], targets=[float("nan")])
    unknown = tasks.ClassificationDataset(tokenizer, ["a"], labels=Labels("xy"))
    assert "labels" not in unknown[0]
    with pytest.raises(ValueError, match="no labels"):
        unknown.score([[0, 1]])
    with pytest.raises(ValueError, match="sentence 0 has 1 words, but 2 labels"):
        tasks.TaggingDataset(tokenizer, [["a"]], [[0, 0]], labels=Labels("O"))
    with pytest.raises(IndexError, match="word 1 of sentence 0 is 3"):
        tasks.TaggingDataset(tokenizer, [["a", "b"]], [[0, 3]], labels=Labels("O"))
    with pytest.raises(IndexError, match="label of example 0 is 2"):
        tasks.MultipleChoiceDataset(tokenizer, ["a"], [["b", "c"]], [2])
    with pytest.raises(ValueError, match="example 1 has 1 choices, the first 2"):
        tasks.MultipleChoiceDataset(tokenizer, ["a", "b"], [["b", "c"], ["d"]])


# ---- tagging ----


@pytest.mark.parametrize("family", ["Roberta", "Bert"])
def test_tagging(write, family):
    path = write("a.txt", "Unbelievable B-NP\ncommittees I-NP\n\nthe O\nLovelace B-PER\n")
    tokenizer = small_tokenizer(family)
    dataset = tasks.TaggingDataset.of_sentences(tokenizer, list(read_conll(path)))
    assert dataset.labels.names == ["B-NP", "B-PER", "I-NP", "O"]
    words, targets = ["Unbelievable", "committees"], [0, 2]
    row, ids, labels = dataset[0], [], []
    for word, target in zip(words, targets, strict=True):
        pieces = tokenizer(" " + word, add_special_tokens=False)["input_ids"]
        ids += pieces
        labels += [target] + [-100] * (len(pieces) - 1)
    assert len(ids) > 2  # words have several tokens
    assert row["input_ids"][1:-1] == ids
    assert row["labels"] == [-100, *labels, -100]
    assert set(row) == {*tokenizer.model_input_names, "labels"}
    right = [np.eye(4)[np.maximum(row["labels"], 0)] for row in dataset]
    assert dataset.predictions(right) == [["B-NP", "I-NP"], ["O", "B-PER"]]
    assert dataset.score(right)["f1"] == 1
    wide = np.zeros((2, 60, 4))  # padded, as a Trainer has them
    for number, scores in enumerate(right):
        wide[number, : len(scores)] = scores
    assert dataset.predictions(wide) == dataset.predictions(right)


def test_words_that_are_cut_off(caplog):
    tokenizer = small_tokenizer("Bert")
    dataset = tasks.TaggingDataset(
        tokenizer, [["the"] * 9], [[0] * 9], labels=Labels(["B-X", "O"]), max_length=6
    )
    assert dataset[0]["labels"] == [-100, 0, 0, 0, 0, -100]
    found = dataset.predictions([np.tile([1.0, 0.0], (6, 1))])
    assert found == [["B-X"] * 4 + ["O"] * 5]
    assert "5 words have no token within max_length" in caplog.text
    tags = tasks.TaggingDataset(
        tokenizer, [["the"] * 2], [[0, 1]], labels=Labels(["DT", "NN"]), scheme="tags"
    )
    assert tags.score([np.tile([1.0, 0.0], (4, 1))]) == {"accuracy": 0.5}


def test_unknown_tags(write):
    path = write("a.txt", "a O\n\nb O\nc X\n")
    with pytest.raises(ValueError, match=r"sentence at line 3: the label 'X' is none of 'O'"):
        tasks.TaggingDataset.of_sentences(
            small_tokenizer("Bert"), list(read_conll(path)), Labels(["O"])
        )


# ---- answers ----


@pytest.mark.parametrize(
    ("family", "length"), [("Roberta", 80), ("Roberta", 32), ("Bert", 80), ("Bert", 20)]
)
def test_answers(write, family, length):
    """The tokens of the labels give the answer back, from whichever window holds it."""
    tokenizer = small_tokenizer(family)
    content = squad(question("a", ("London", 22)), question("b", ("the first program", 39)))
    questions = read_squad(write("a.json", content))
    dataset = tasks.QuestionAnsweringDataset(
        tokenizer, questions, max_length=length, stride=4, types=family == "Bert"
    )
    rows = list(dataset)
    assert (len(rows) > 2) == (length < 80)
    found, scores = set(), []
    for row in rows:
        start, end = row["start_positions"], row["end_positions"]
        here = np.zeros((len(row["input_ids"]), 2))
        here[[start, end], [0, 1]] = 20
        scores.append(here)
        if end:
            found.add(tokenizer.decode(row["input_ids"][start : end + 1]).strip().lower())
    assert found == {"london", "the first program"}
    assert dataset.predictions(scores) == ["London", "the first program"]
    assert dataset.score(scores) == {"exact_match": 100, "f1": 100}
    assert set(dataset.answers(scores)["a"]) == {"answer", "score", "start", "end"}


def test_no_answer(write):
    tokenizer = small_tokenizer("Bert")
    questions = read_squad(write("a.json", squad(question("a", is_impossible=True))))
    dataset = tasks.QuestionAnsweringDataset(tokenizer, questions, version=2)
    row = dataset[0]
    assert (row["start_positions"], row["end_positions"]) == (0, 0)
    scores = np.zeros((1, len(row["input_ids"]), 2))
    scores[0, 0] = 20
    assert dataset.score(scores)["no_answer_exact_match"] == 100
    with pytest.raises(ValueError, match=r"question 'a': .*no room for the context"):
        tasks.QuestionAnsweringDataset(tokenizer, questions, max_length=8)


# ---- scores ----


def test_choices():
    tokenizer = small_tokenizer("Bert")
    dataset = tasks.MultipleChoiceDataset(
        tokenizer, ["the cat", "rain"], [["sat on the mat", "slept"], ["is dry", "is warm"]], [1, 0]
    )
    expected = dict(tokenizer(["the cat"] * 2, ["sat on the mat", "slept"]))
    assert dataset[0] == {**expected, "labels": 1}
    model = small_model("Bert", "ForMultipleChoice")
    scores = tasks.compute_scores(model, dataset)
    for row, given in zip(scores, dataset, strict=True):
        alone = [tokenizer.pad({k: [v[i]] for k, v in given.items() if k != "labels"},
                               return_tensors="np") for i in range(2)]  # fmt: skip
        each = [
            model(**{k: np.asarray(v)[:, None] for k, v in one.items()}).logits for one in alone
        ]
        np.testing.assert_allclose(row, np.ravel(each), atol=1e-5)
    assert dataset.score(scores)["accuracy"] in (0, 0.5, 1)


def test_scores_in_order():
    """Batches of like length, padding and order do not show in the scores."""
    tokenizer = small_tokenizer("Roberta")
    texts = ["the cat " * (1 + 7 * i % 11) for i in range(30)]
    model = small_model("Roberta", "ForSequenceClassification", num_labels=3)
    dataset = tasks.ClassificationDataset(tokenizer, texts, labels=Labels("abc"))
    scores = tasks.compute_scores(model, dataset, batch_tokens=70)
    for text, row in zip(texts, scores, strict=True):
        alone = model(**tokenizer(text, return_tensors="np")).logits[0]
        np.testing.assert_allclose(row, alone, atol=1e-5)

    model = small_model("Roberta", "ForTokenClassification", num_labels=2)
    sentences = tasks.TaggingDataset(
        tokenizer, [text.split() for text in texts], labels=Labels("OI")
    )
    for row, given in zip(tasks.compute_scores(model, sentences), sentences, strict=True):
        assert row.shape == (len(given["input_ids"]), 2)

    model = small_model("Roberta", "ForQuestionAnswering")
    questions = [tasks.Question(str(i), "who?", text, []) for i, text in enumerate(texts)]
    answers = tasks.QuestionAnsweringDataset(tokenizer, questions, types=False, version=2)
    scores = tasks.compute_scores(model, answers)
    both = np.zeros((2, len(scores), 80), np.float32)
    for number, row in enumerate(scores):
        both[:, number, : len(row)] = row.T
    padded = tasks.rows_of_predictions(tuple(both))
    assert answers.predictions(padded) == answers.predictions(scores)


# ---- published files ----


@pytest.mark.parametrize(
    ("name", "columns", "count"),
    [
        ("sst2/train.tsv", {"text": 0, "label": 1}, 6920),
        ("sst2/test.tsv", {"text": 0, "label": 1}, 1821),
        ("mrpc/test.tsv", {"text": "#1 String", "pair": "#2 String", "label": "Quality"}, 1725),
        ("sick/train.txt", {"text": "sentence_A", "label": "relatedness_score"}, 4500),
    ],
)
def test_published_tables(data_dir, name, columns, count):
    """As many rows as their papers say, quotes and byte-order marks notwithstanding."""
    records = list(read_records(data_dir / "tasks" / name, columns))
    assert len(records) == count
    assert all(np.isfinite(record.number("label")) for record in records)


def test_published_chunks(data_dir):
    """CoNLL-2000's test data have 2012 sentences, 47377 words and 23852 chunks."""
    sentences = list(read_conll(data_dir / "tasks" / "conll2000" / "test.txt"))
    assert (len(sentences), sum(len(s.words) for s in sentences)) == (2012, 47377)
    tags = [sentence.tags for sentence in sentences]
    assert chunk_scores(tags, tags)["chunks"] == 23852
