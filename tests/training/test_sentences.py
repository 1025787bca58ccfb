"""Sentences of plain text, cut by hand."""

import itertools
import subprocess
import sys

import numpy as np
import pretraining_corpora as corpora
import pytest

import pytxenc
from pytxenc import _core, split_sentences
from pytxenc.corpus import TokenCorpus, encode_corpus

# Texts with a bar where a new sentence begins.
CASES = """
Hello there.| How are you?| Fine!| And you
One sentence without a stop
Dr. Smith met Mrs. Jones at St. Paul's.| They spoke to Prof. Dr. A. B. Miller.
J. R. R. Tolkien wrote it.| So did C. S. Lewis.
She lives in the U.S. Army barracks.| He left the U.S.| The others stayed.
We met at 5 p.m. Eastern time.| It closed at 6 p.m.| The lights went out.
It costs $3.50.| That is 2.5 times as much.| See www.example.com for more.
Use a tool, e.g. Excel, or another, i.e. Calc.| Both work.
Apples, pears, etc.| Were there others?
Apples, pears, etc.| The others were gone.
He works for Acme Inc. and Foo Ltd. Group.| However, he quit.
See Fig. 3 and Eq. 2, pp. 5 ff., No. 7.| Then read Vol. 2.
Is that so?| No.| It is not.
He said, “Go away.”| She went.
“Really?” she asked.| “Yes.”| He nodded.
"Stop!" he cried.| "Why?"| "Because."
(This is aside.)| Next one.
He left (see above).| Then he came back [and stayed].| End.
Wait... what?| I do not know...| Perhaps.
Wait…| He stopped.| Well… maybe.
What?!| No way!!!| Yes.
He was born in 1999.| In 2001 he moved.| 20 people came.
1. Introduction to it.| 2. Methods.| Then more.
a. first point
Version 2.0.1 is out.| Get it at v2.example.org/a.b.| Thanks.
J.S. Bach and W.A. Mozart.| Both composed.
He has a Ph.D. in physics.| His brother has an M.A.| He does not.
She came on Jan. 5 and left in Dec.| The house was empty.
Yahoo! is a company.| Ask Jeeves!| It was one too.
It was me and I.| The rest slept.
“What is it?” |
He said: 'No.'| Then: 'Yes.'
¿Qué tal?| ¡Muy bien!| ¿Y tú?
Il a dit « Non. »| Puis il est parti.
Мама мыла раму.| А. С. Пушкин писал стихи.| Кто это?
你好。|我很好！|你呢？|好
「行く。」と言った。|「そう。」|彼は笑った。
彼は「はい。そうです。」と答えた。|終わり。
यह एक वाक्य है।| यह दूसरा है।
هل هذا سؤال؟| نعم.
The end.| — Not quite.| – Yes.
A vs. B and C cf. D are compared.| Done.
Mt. Everest is in Asia.| Ft. Worth is not.
It ended at 3.| The next began at 4.
Read ch. 4 of it.| Then stop.
No. 5 is alive.| No. Five is.
""".strip().split("\n")
# Where the rules are wrong: right cut, and theirs.
WRONG = {
    "Apples, pears, etc.| Were there others?": "Apples, pears, etc. Were there others?",
    "彼は「はい。そうです。」と答えた。|終わり。": "彼は「はい。|そうです。」と答えた。|終わり。",
    "No. 5 is alive.| No. Five is.": "No. 5 is alive.| No.| Five is.",
}


@pytest.mark.parametrize("case", CASES)
def test_by_hand(case):
    expected = [part.strip() for part in WRONG.get(case, case).split("|")]
    assert split_sentences(case.replace("|", "")) == [part for part in expected if part]


def test_line_ends_end_sentences():
    assert split_sentences("A title\nThe text. More\r\n\r\n  \t\nend") == [
        "A title",
        "The text.",
        "More",
        "end",
    ]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u3000", "\n\n"])
def test_nothing(text):
    assert split_sentences(text) == []


@pytest.mark.parametrize("text", [".", "...", "!?", ". . .", '"', "。", "a", "\x00. B", "é. É"])
def test_almost_nothing(text):
    assert "".join(split_sentences(text)).replace(" ", "") == text.replace(" ", "")


def test_wrong_input():
    with pytest.raises(TypeError, match="takes a str, not bytes"):
        split_sentences(b"A. B.")
    with pytest.raises(ValueError, match="surrogate pair at character 3"):
        split_sentences("A. \ud800")


def tiles(data, ends):
    """The sentences of documents, checked to tile their lines."""
    lines, line_counts = _core.find_lines(data, np.array(ends))
    spans, counts = _core.find_lines(data, np.array(ends), True)
    assert len(counts) == len(ends) and counts[-1] == len(spans)
    merged = []
    for begin, end in spans.tolist():
        assert begin < end
        if merged and merged[-1][1] == begin and begin not in lines[:, 0]:
            merged[-1][1] = end
        else:
            merged.append([begin, end])
    assert merged == lines.tolist()
    for line_count, count in zip(line_counts, counts, strict=True):
        last = spans[count - 1, 1] if count else 0
        assert last == (lines[line_count - 1, 1] if line_count else 0)


def test_sentences_tile_their_lines():
    text = "\n".join(CASES).replace("|", "").encode()
    newlines = [i for i, byte in enumerate(text) if byte == 10]
    tiles(text, [len(text)])
    tiles(text, [newlines[3], newlines[3] + 1, newlines[20], len(text)])
    tiles(b" \n.  \n  A.  B.  \n", [17])


def test_any_bytes():
    """What is no UTF-8, and documents that end within a character, are cut somehow."""
    rng = np.random.default_rng(0)
    alphabet = [b".", b" ", b"A", b"\xe3\x80\x82", b"\xe3", b"\xff", b"\x80", b"\n", b"(", b"No"]
    for _ in range(300):
        data = b"".join(alphabet[i] for i in rng.integers(0, len(alphabet), 30))
        tiles(data, np.sort([*rng.integers(0, len(data) + 1, 3), len(data)]))


@pytest.mark.parametrize("unit", [". ", "a. ", ".", " ", '" ', "A. b ", ".(", "。", "e.g. x "])
def test_long_lines_take_linear_time(unit):
    """Quadratic time would be hours."""
    assert len("".join(split_sentences(unit * 500_000))) <= len(unit) * 500_000


# ---- corpora ----

TEXT = "Hello there. How are you?\nA title\n\nDr. X came.  He left!  \n\nOne\n"
SENTENCES = [["Hello there.", " How are you?", "A title"], ["Dr. X came.", "  He left!  "], ["One"]]


@pytest.mark.parametrize("batch_bytes", [10, 1 << 20])
def test_corpus_of_sentences(tmp_path, batch_bytes):
    tokenizer = corpora.roberta_tokenizer()
    (tmp_path / "text").write_text(TEXT)
    options = {"batch_bytes": batch_bytes}
    corpus = encode_corpus(
        tokenizer, tmp_path / "text", tmp_path / "out", split_sentences=True, **options
    )
    found = [[tokenizer.decode(ids) for ids in corpus.document(i)] for i in range(3)]
    assert found == SENTENCES
    assert corpus.meta["options"]["split_sentences"] is True
    lines = encode_corpus(
        tokenizer, tmp_path / "text", tmp_path / "lines", keep_lines=True, **options
    )
    assert corpus.ids.tolist() == lines.ids.tolist()
    assert corpus.offsets.tolist() == lines.offsets.tolist()
    assert lines.meta["options"]["split_sentences"] is False


def test_command(tmp_path):
    tokenizer = corpora.bert_tokenizer(5)
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    (tmp_path / "text").write_text("w1 w2. W3 w4. W0.\n")
    output = str(tmp_path / "out")
    arguments = ["--tokenizer", str(tmp_path / "tokenizer"), "--type", "bert", "--output", output]
    command = [sys.executable, "-m", "pytxenc", "tokenize", *arguments, "--sentences"]
    done = subprocess.run(
        [*command, str(tmp_path / "text")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(TokenCorpus(output).document(0)) == 3


def test_real_text(data_dir):
    """The ids of a real tokenizer are the same whether sentences or lines are encoded."""
    text = (data_dir / "text" / "botchan.txt").read_text(encoding="utf-8")[:200_000]
    tokenizer = pytxenc.RobertaTokenizer.from_pretrained(data_dir / "tokenizers" / "roberta-base")
    data = text.encode()

    def pieces(by_sentence):
        spans, _ = _core.find_lines(data, np.array([len(data)]), by_sentence)
        return [data[begin:end].decode() for begin, end in spans.tolist()]

    def ids(texts):
        rows = tokenizer(texts, add_special_tokens=False)["input_ids"]
        return list(itertools.chain.from_iterable(rows))

    lines, sentences = pieces(False), pieces(True)
    assert len(sentences) > 1.5 * len(lines)
    assert ids(lines) == ids(sentences)
