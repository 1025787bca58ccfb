"""The C extension.  Everything here is private to the package: the public API wraps it."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

def get_num_threads() -> int: ...
def set_num_threads(n: int, /) -> None: ...
def get_isa() -> str: ...
def measure_peak(dtype: str, seconds: float, /) -> float:
    """Operations a second that one thread reaches with products of a dtype in registers alone.

    A multiplication and an addition count as two.  seconds: to measure for, up to 60.
    """

def get_build_info() -> dict[str, str]:
    """The "compiler" and the "utf8proc" that the extension was built with."""

# ---- tokenizers (ext/python/py_tokenizer.c over ext/text) ----

@final
class Tokenizer:
    """An immutable tokenizer pipeline, safe to share between threads.

    `spec` has the schema of a parsed tokenizer.json: "model" (type BPE, WordPiece or
    Unigram, with "vocab" as dict or list of [piece, score], "merges" as "a b" strings or
    pairs), "normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens";
    "truncation" and "padding" are ignored (they are arguments of a call here).  An unknown
    or malformed component is a ValueError naming its path and type.  In the place of
    "vocab" or "merges" a tuple that begins with a format and bytes is read as it stands:
    "vocab.json", "vocab.txt", "pieces.json", "sentencepiece"; "merges.json", "merges.txt".
    """

    def __new__(cls, spec: Mapping[str, Any]) -> Tokenizer: ...
    def plan(self, **options: Any) -> EncodePlan:
        """EncodePlan(**options): here so that another tokenizer may have other plans."""
    def encode(
        self,
        texts: str | Sequence[str] | Sequence[Sequence[str]],
        pairs: str | Sequence[str] | Sequence[Sequence[str]] | None,
        plan: EncodePlan,
        single: bool,
        /,
    ) -> dict[str, Any]:
        """Encode every text (with its pair) as the plan says; the GIL is released.

        Returns the plan's fields under its keys.  In lists, one text (`single`) stands for
        itself, without a list of rows around it, unless the plan asks for overflow.
        ValueError where truncation cannot be done as asked or rows of different lengths are
        to make an array; TypeError/ValueError naming the index of a text that is no str or
        holds a lone surrogate.
        """
    def encode_batch(
        self,
        texts: Sequence[str] | Sequence[Sequence[str]],
        pairs: Sequence[str] | Sequence[Sequence[str]] | None = None,
        *,
        fields: Iterable[str] = (),
        overflow: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """`encode` in flat form: "ids", "rows", with `overflow` "sample", and `fields`."""
    def encode_flat(
        self,
        data: Sequence[str] | bytes | memoryview | NDArray[np.uint8],
        ends: NDArray[np.int64] | None = None,
        *,
        dtype: str = "uint32",
        add_special_tokens: bool = False,
        split_special_tokens: bool = False,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Encode documents into one array of ids [N] and where each ends in it, int64 [D].

        data: the texts; or, with `ends` [D], UTF-8 in which document d is
            data[ends[d - 1]:ends[d]].
        dtype: "uint16" or "uint32".
        The GIL is released.  ValueError naming the document and the byte that is not UTF-8,
        or an id that does not fit in `dtype`.
        """
    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        """Text of a 1-D sequence of ids; ids outside the vocabulary add nothing."""
    def decode_tokens(self, tokens: Sequence[str], /) -> str:
        """Text of token strings, by the same decoder."""
    def token_to_id(self, token: str, /) -> int | None: ...
    def id_to_token(self, id: int, /) -> str | None: ...
    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]: ...
    def get_vocab_size(self, with_added_tokens: bool = True) -> int: ...
    def get_first_free_id(self) -> int:
        """The id behind the last one of the model's vocabulary."""
    def num_special_tokens_to_add(self, is_pair: bool = False) -> int: ...
    def with_added_tokens(self, tokens: Sequence[Mapping[str, Any]], /) -> Tokenizer:
        """A tokenizer sharing this one's model whose whole list of added tokens is `tokens`.

        Each is a mapping as in tokenizer.json: id, content, single_word, lstrip, rstrip,
        normalized, special.
        """
    def with_post_processor(self, spec: Mapping[str, Any] | None, /) -> Tokenizer:
        """A tokenizer sharing this one's model with another post-processor."""

@final
class EncodePlan:
    """How texts are to be encoded and what is to come back.  Immutable.

    pretokenized: texts are lists of words.  add_special_tokens, split_special_tokens: as in
        a call.
    truncation, max_length, stride, truncation_side: max_length counts special tokens, and is
        used only with `truncation`.
    overflow: the pieces that truncation cut off follow their text as rows of their own.
    fields: names of what is wanted, as a dict with the keys that they get: "ids",
        "type_ids", "attention_mask", "special_tokens_mask", "offsets" (pairs; in code points
        of the original text, (0, 0) at special tokens), "word_ids" and "sequence_ids" (-1 at
        special tokens), "tokens" (strings of all rows), "length" of each row, and "sample",
        whose row it is.
    form: "flat" for int64 arrays of all rows end to end, and "rows" [R + 1], where each
        begins; "lists" for lists of int; "arrays" for int64 [R, S].
    padding: None, "longest" or a width; pad_to_multiple_of (0: of one), padding_side, and
        what pads hold.
    """

    def __new__(
        cls,
        *,
        pretokenized: bool = False,
        add_special_tokens: bool = True,
        truncation: Literal["longest_first", "only_first", "only_second"] | None = None,
        max_length: int = 0,
        stride: int = 0,
        truncation_side: Literal["left", "right"] = "right",
        split_special_tokens: bool = False,
        overflow: bool = False,
        fields: Iterable[str] | Mapping[str, str] = (),
        form: Literal["flat", "lists", "arrays"] = "flat",
        padding: Literal["longest"] | int | None = None,
        pad_to_multiple_of: int = 0,
        padding_side: Literal["left", "right"] = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "",
    ) -> EncodePlan: ...

def split_tokenizer_json(data: bytes, /) -> tuple[bytes, bytes | None, bytes | None] | None:
    """The text of a tokenizer.json with null for model.vocab and model.merges, and the text of
    these two, None where there is none.  None when the text is not strict JSON, when a key of
    these is repeated or when a value is not of the kind expected: json.loads knows more."""

def read_sentencepiece(data: bytes, /, with_normal: bool = True) -> dict[str, Any]:
    """Parse a SentencePiece .model: {"pieces": [(piece, score, type)], "model_type": int,
    "unk_id", "bos_id", "eos_id", "pad_id": int, "precompiled_charsmap": bytes,
    "add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces": bool}.
    type: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; without
    `with_normal` there is None for a normal piece.
    ValueError (with the byte offset) when malformed."""

# ---- training tokenizers (ext/python/py_trainer.c over ext/text) ----

@final
class WordCounter:
    """Counts the words of texts; one thread at a time may use it (RuntimeError).

    `spec`: "normalizer" and "pre_tokenizer" as in tokenizer.json, and a "model" of the kind
    that words are counted for (BPE takes bytes where the pre-tokenizer is ByteLevel).
    """

    def __new__(cls, spec: dict[str, Any]) -> WordCounter: ...
    def add(self, texts: Sequence[str], first: int = 0) -> None:
        """Count the words of the texts, numbered from `first` in errors, on all threads.

        TypeError or ValueError names a text that is no str or holds a lone surrogate;
        ValueError for one that is too long.  The GIL is released.
        """
    def words(self) -> dict[bytes, int]:
        """Every word and its count."""
    def train_bpe(
        self,
        vocab_size: int,
        min_frequency: int,
        special_tokens: tuple[str, ...],
        *,
        limit_alphabet: int | None = None,
        initial_alphabet: tuple[str, ...] = (),
        prefix: str = "",
        suffix: str = "",
        max_token_length: int | None = None,
        affixed: tuple[str, ...] = (),
        progress: Callable[[int], Any] | None = None,
    ) -> tuple[list[str], list[tuple[str, str]]]:
        """Learn tokens (in order of id) and merges (in order of rank).

        `prefix` is written before characters that continue a word, `suffix` behind those that
        end one; `affixed` are characters so written to be numbered first, in this order.
        `progress` is called now and then with the number of tokens; what it raises ends the
        training, as does Ctrl-C.
        """

def normalize_texts(spec: dict[str, Any], texts: Sequence[str], /) -> list[str]:
    """The texts as the "normalizer" of `spec` changes them."""

# ---- optimisers (ext/python/py_optimizer.c over ext/train/optimizer.h) ----

_Floats = NDArray[np.float32]  # used where they lie: a copy is never made

def optimizer_step(
    rule: Literal["adam", "lamb", "sgd"],
    values: _Floats,
    states: tuple[_Floats, ...],
    gradients: _Floats,
    segments: NDArray[np.int64],
    groups: NDArray[np.float64],
    clip: float,
    /,
) -> None:
    """Update the segments of flat parameters; the GIL is released here and below.

    segments: [N, 3], offset, size and group of each; they do not overlap.
    clip: what gradients are multiplied by.
    groups: [G, columns], the coefficients of each (ext/kernels/optimizer.h):
        "adam", of states (m, v): beta1, beta2, step, scale, eps, decay;
        "lamb", the same and: lr, adapt, low, high, max_ratio (ext/train/optimizer.h);
        "sgd", of states (buffer,) or (): lr, decay, momentum, rest, nesterov.
    """

def gradient_norm(gradients: _Floats, segments: NDArray[np.int64], /) -> float:
    """Euclidean norm of all segments together, finite where all their elements are."""

def fill_zero(array: _Floats, /) -> None: ...
def use_small_pages(array: _Floats, /) -> None:
    """Ask for small pages under an array of which little will be written."""

def blend(average: _Floats, values: _Floats, weight: float, /) -> None:
    """average += weight * (values - average)."""

# ---- plain text (ext/python/py_text.c over ext/text) ----

_Bytes = bytes | NDArray[np.uint8]

def text_valid(text: _Bytes, /) -> bool:
    """Whether it is well-formed UTF-8; the GIL is released here and below."""

def find_documents(text: _Bytes, by_line: bool, /) -> NDArray[np.int64]:
    """Begin and end [D, 2] of the documents in a text: its lines, or (not `by_line`) the
    lines between blank lines together.  Line ends ("\\n" or "\\r\\n") are not part of them."""

def find_lines(
    text: _Bytes, ends: NDArray[np.int64], by_sentence: bool = False, /
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begin and end [L, 2] of the lines that are not blank in documents that end at `ends`
    [D], and the number of lines up to the end of each document [D].

    With `by_sentence` the sentences of the lines in their place (ext/text/sentences.h has the
    rules): they tile the lines, white space between two belongs to the second.
    """

def join_spans(
    text: _Bytes, spans: NDArray[np.int64], drop_cr: bool, /
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The spans [D, 2], which follow each other, without what is between them [N], and where
    each ends [D]; with `drop_cr` without a carriage return before a newline."""

# ---- pretraining data (ext/python/py_data.c over ext/data) ----

def pack_runs(
    bounds: NDArray[np.int64],
    documents: NDArray[np.int64],
    *,
    room: int,
    cut_lines: bool,
    cross_documents: bool,
    line_separators: bool,
    shuffle: bool,
    seed: int,
    epoch: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples of running text as spans of a corpus: sample i is spans starts[i] to starts[i + 1].

    Line l is the tokens bounds[l] to bounds[l + 1], document d the lines documents[d] to
    documents[d + 1]; none is empty.  Returns starts [N + 1] and spans [M, 2].  The rules are in
    ext/data/packing.h.  The GIL is released here and below.
    """

def pack_pairs(
    bounds: NDArray[np.int64],
    documents: NDArray[np.int64],
    *,
    kind: str,
    room: int,
    short_prob: float,
    quirk: bool,
    seed: int,
    epoch: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
    """Samples of two spans with a label [N]; kind: "segment_pair", "sentence_pair" or "sop"."""

def make_batch(
    ids: NDArray[np.uint16] | NDArray[np.uint32],
    *,
    wide: bool,
    starts: NDArray[np.int64],
    spans: NDArray[np.int64],
    rows: NDArray[np.int64],
    width: int,
    parts: NDArray[np.int64],
    pairs: bool,
    separator: int,
    pad: int,
    flags: NDArray[np.uint8],
    masking: tuple[
        str, float, int, bool, bool, NDArray[np.float64], float, float, int, NDArray[np.int32]
    ]
    | None,
    seed: int,
    epoch: int,
) -> tuple[
    NDArray[np.int64],
    NDArray[np.bool_],
    NDArray[np.int64],
    NDArray[np.bool_],
    NDArray[np.int64] | None,
]:
    """Samples `rows` [B] with special tokens around them, padded to `width` and masked.

    wide: ids are uint32, else uint16.  parts [K, 3]: text (0, 1, or -1 for a special token), id
    and token type of what a sample is made of.  flags [V]: 1 the id begins a word, 2 it is never
    masked.  masking: count, rate, most, words, alike, lengths, mask, random, mask_id, random_ids,
    see ext/data/masking.h.  Returns input ids, attention mask, token types, special tokens mask
    (padding among them) and labels.  ValueError for what is outside the corpus or vocabulary.
    """

# ---- files (ext/python/py_files.c over ext/io) ----

@final
class SafeTensors:
    """A memory-mapped .safetensors file, validated when opened."""

    def __new__(cls, path: str | bytes | os.PathLike[str]) -> SafeTensors: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    @property
    def nbytes(self) -> int: ...
    def keys(self) -> list[str]: ...
    def dtype(self, name: str, /) -> str:
        """NumPy's name for the stored dtype, "bfloat16" included; KeyError if unknown."""
    def shape(self, name: str, /) -> tuple[int, ...]: ...
    def tensor(self, name: str, /) -> NDArray[Any]:
        """Read-only view of the mapped bytes (bfloat16 as uint16); copied only when the
        file has it misaligned."""
    def float32(self, name: str, /) -> NDArray[np.float32]:
        """The tensor as float32: a view when stored so, else converted."""

def to_float32(array: NDArray[Any], dtype: str, /) -> NDArray[np.float32]:
    """Convert float16, bfloat16 (given as uint16) or float64 elements to float32."""

# ---- encoders (ext/python/py_encoder.c over ext/model) ----

def encoder_parameters(config: Mapping[str, Any], /) -> list[tuple[str, tuple[int, ...], str]]:
    """Every parameter of the model that `config` describes, in state-dict order:
    (name, shape, initialisation).  ValueError when the configuration is impossible."""

@final
class Encoder:
    """Weights and forward pass of one model; immutable, safe to share between threads.

    dtype is the precision of the matrix products of layers and vocabulary heads: "float32",
    "bfloat16" or "int8" (weights with a scale for each output channel, activations for each
    token).  Everything else, arguments and results are float32.  Matrices are arranged for
    the kernels by `pack`; packed=False, for float32 only, uses them where they lie.
    ValueError for another dtype.
    """

    def __new__(
        cls,
        config: Mapping[str, Any],
        weights: Mapping[str, NDArray[np.float32]],
        dtype: str = "float32",
        packed: bool = True,
    ) -> Encoder: ...
    def pack(self) -> None:
        """Arrange the matrices for the kernels, which otherwise the first call does.

        Pages of a mapped file that hold them are dropped then.  Nothing is done twice.
        """
    def profile(self, **kwargs: Any) -> tuple[dict[str, Any], list[tuple[int, str, int]]]:
        """`forward`, and the time that every operation took: (layer, operation, nanoseconds).

        layer is an index, or -1 for what lies outside the layers.
        """
    def forward(
        self,
        *,
        input_ids: Any = None,
        inputs_embeds: Any = None,
        attention_mask: Any = None,
        attention_bias: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        wanted: Any = None,
        last_hidden: bool = True,
        hidden_states: bool = False,
        attentions: bool = False,
        pooled: bool = False,
        logits: bool = False,
        scores: bool = False,
        predicted: Any = None,
        pooling: str | None = None,
        pooled_tokens: Any = None,
    ) -> dict[str, Any]:
        """Run the model; the float32 arrays asked for under their names.

        input_ids, token_type_ids, position_ids: integers (batch, length).
        inputs_embeds: float32 (batch, length, embedding), instead of input_ids.
        attention_mask: bool (batch, length); attention_bias: float32, broadcast to (batch,
            heads, length, length), added to the scores, instead of it.
        wanted: bool (batch, length), where rows are not zero though they are padding.
        predicted: bool (batch, length); "logits" are (n, vocabulary), of the n positions where
            it is true.
        pooling: how the last hidden states become "embeddings" (batch, hidden), as in
            EncoderModel.embed; of the tokens that pooled_tokens, bool (batch, length), leaves.

        "hidden_states" and "attentions" are tuples, "pooled" comes as "pooler_output",
        "last_hidden" as "last_hidden_state".  The GIL is released.  IndexError for an id
        outside its table; ValueError for a wrong shape, too long a sequence, or what the
        model does not have; TypeError for a wrong dtype.
        """

# ---- for the tests (ext/python/py_testing.c): buffers are used where they lie ----

def _kernel_isas() -> list[str]: ...
def _kernel_layernorm(
    isa: str,
    y: Any,
    x: Any,
    bias: Any,
    residual: Any,
    gamma: Any,
    beta: Any,
    eps: float,
    T: int,
    C: int,
    /,
) -> None: ...
def _kernel_bias_act(
    isa: str, x: Any, bias: Any, T: int, F: int, stride: int, act: str, params: Any, /
) -> None: ...
def _kernel_softmax(
    isa: str,
    x: Any,
    rows: int,
    n: int,
    stride: int,
    scale: float,
    mask: Any,
    mask_stride: int,
    /,
) -> None: ...
def _kernel_from_f16(isa: str, y: Any, x: Any, n: int, /) -> None: ...
def _kernel_from_bf16(isa: str, y: Any, x: Any, n: int, /) -> None: ...
def _kernel_add(isa: str, y: Any, a: Any, b: Any, c: Any, n: int, /) -> None: ...
def _kernel_activation(name: str, /) -> tuple[int, int]: ...
def _kernel_blas_linear(
    y: Any, ldy: int, x: Any, ldx: int, W: Any, T: int, N: int, K: int, add: bool, /
) -> None: ...
def _kernel_parallel_for(counts: Any, workers: Any, count: int, work: int, /) -> None: ...

# `format` is that of a buffer of rows and tells the precision: "f" float32, "H" bfloat16,
# "B" int8; strides count elements (ext/python/py_testing_products.c).

def _kernel_to_bf16(isa: str, y: Any, x: Any, n: int, /) -> None: ...
def _kernel_quantize(isa: str, y: Any, x: Any, n: int, /) -> tuple[float, float]: ...
def _kernel_quantize_weights(isa: str, y: Any, x: Any, n: int, /) -> tuple[float, float]: ...
def _kernel_transpose(
    isa: str, y: Any, ldy: int, x: Any, ldx: int, rows: int, columns: int, /
) -> None: ...
def _kernel_tile_sizes(isa: str, format: str, /) -> tuple[int, int, int]:
    """Lanes of a vector, vectors of a panel, rows of a tile."""

def _kernel_tile(
    isa: str,
    format: str,
    x: Any,
    ldx: int,
    panel: Any,
    steps: int,
    scale: Any,
    low: Any,
    bias: Any,
    column_scale: Any,
    column_sum: Any,
    out: Any,
    ldo: int,
    add: bool,
    rows: int,
    vectors: int,
    last: int,
    /,
) -> None: ...
def _kernel_multiply(
    isa: str,
    format: str,
    y: Any,
    ldy: int,
    narrow: bool,
    x: Any,
    ldx: int,
    scale: Any,
    low: Any,
    rows: int,
    weights: tuple[Any, ...],
    biases: tuple[Any, ...],
    N: int,
    K: int,
    first: int,
    last: int,
    add: bool,
    act: str,
    params: Any,
    plain: bool,
    /,
) -> None:
    """A product with weights that are packed for it, or `plain` ones; y in bfloat16 if
    `narrow`."""

# Products of training (ext/python/py_testing_matmul.c): formats "f" and "H" as above;
# tuples hold the pieces, of `extent` each.

def _kernel_interleave(isa: str, y: Any, low: Any, high: Any, n: int, /) -> None: ...
def _kernel_matmul(
    isa: str,
    format: str,
    y: tuple[Any, ...],
    ldy: int,
    y_extent: int,
    narrow: bool,
    a: Any,
    lda: int,
    b_format: str,
    b: tuple[Any, ...],
    ldb: int,
    extent: int,
    rows: bool,
    bias: tuple[Any, ...],
    M: int,
    N: int,
    K: int,
    add: bool,
    act: str,
    params: Any,
    here: bool,
    /,
) -> None:
    """y in bfloat16 if `narrow`; on the calling thread alone if `here`."""

def _kernel_matmul_transpose(
    isa: str,
    format: str,
    out: Any,
    ldout: int,
    sums: Any,
    x: Any,
    ld: int,
    T: int,
    C: int,
    here: bool,
    /,
) -> None: ...
def _kernel_attention(
    isa: str,
    format: str,
    out: Any,
    ldo: int,
    narrow: bool,
    q: Any,
    ldq: int,
    k: Any,
    v: Any,
    ldkv: int,
    B: int,
    S: int,
    H: int,
    D: int,
    mask: Any,
    needed: Any,
    results_only: bool,
    bias: Any,
    probs: Any,
    /,
) -> None:
    """Attention over the packed rows that `mask` and `needed` make; out in bfloat16 if
    `narrow`."""

# Kernels of training (ext/python/py_testing_training.c).

def _training_layernorm(
    isa: str, y: Any, x: Any, gamma: Any, beta: Any, eps: float, T: int, C: int, /
) -> None: ...
def _training_layernorm_backward(
    isa: str,
    dx: Any,
    dgamma: Any,
    dbeta: Any,
    dy: Any,
    x: Any,
    gamma: Any,
    eps: float,
    T: int,
    C: int,
    /,
) -> None: ...
def _training_act(isa: str, y: Any, x: Any, n: int, act: str, params: Any, /) -> None: ...
def _training_act_backward(
    isa: str, dx: Any, y: Any, dparams: Any, dy: Any, x: Any, n: int, act: str, params: Any, /
) -> None: ...
def _training_softmax(
    isa: str,
    x: Any,
    rows: int,
    n: int,
    stride: int,
    scale: float,
    mask: Any,
    mask_stride: int,
    /,
) -> None: ...
def _training_softmax_backward(
    isa: str, ds: Any, p: Any, dp: Any, rows: int, n: int, stride: int, scale: float, /
) -> None: ...
def _training_dropout(
    isa: str,
    y: Any,
    x: Any,
    n: int,
    seed: int,
    site: int,
    threshold: int,
    scale: float,
    row: int,
    add: bool,
    /,
) -> None: ...
def _training_cross_entropy(
    isa: str, x: Any, n: int, label: int, smoothing: float, weight: float, /
) -> tuple[float, int]:
    """The loss, and the index of the largest."""

def _training_add(isa: str, y: Any, a: Any, b: Any, c: Any, n: int, /) -> None: ...
def _training_sum_columns(isa: str, sums: Any, x: Any, T: int, C: int, ld: int, /) -> None: ...
def _text_run(
    normalizers: list[Any],
    pre_tokenizers: list[Any],
    text: str,
    spans: bool = True,
    origin: int = 0,
    at_start: bool = True,
    /,
) -> tuple[bytes, NDArray[np.uint32] | None, NDArray[np.uint64]]: ...
def _text_utf8_valid(data: bytes, /) -> bool: ...
def _text_graphemes(text: str, /) -> list[str]: ...

# ---- training (ext/python/py_training.c over ext/train) ----

@final
class Training:
    """Training passes of one model over arrays that it is given.

    config: as for Encoder.  parameters and gradients: float32 arrays by the names that
    encoder_parameters lists; gradients are added to where they lie, None stays without.
    dtype: "float32" or "bfloat16", of the operands of matrix products.
    """

    def __new__(
        cls,
        config: Mapping[str, Any],
        parameters: Mapping[str, NDArray[np.float32]],
        gradients: Mapping[str, NDArray[np.float32] | None],
        dtype: str = "float32",
        checkpointing: bool = False,
    ) -> Training: ...
    def step(
        self,
        loss: str | Callable[[NDArray[Any]], tuple[float, NDArray[Any]]],
        /,
        *,
        input_ids: NDArray[Any] | None = None,
        inputs_embeds: NDArray[Any] | None = None,
        attention_mask: NDArray[np.bool_] | None = None,
        attention_bias: NDArray[np.float32] | None = None,
        token_type_ids: NDArray[Any] | None = None,
        position_ids: NDArray[Any] | None = None,
        labels: NDArray[np.int64] | None = None,
        sentence_labels: NDArray[np.int64] | None = None,
        values: NDArray[np.float32] | None = None,
        choices: int = 0,
        scales: tuple[float, float] = (1.0, 1.0),
        label_smoothing: float = 0.0,
        dropout: Mapping[str, float] | None = None,
        seed: int = 0,
        step: int = 0,
        first_sample: int = 0,
        backward: bool = True,
        scores: bool = False,
        ready: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Forward and, with backward, backward pass over one batch.

        loss: "cross_entropy" (labels int64, negative ones ignored: (B, S) of tokens, (B,) of
            sequences, (B / choices,), (B, 2) starts and ends of answers; sentence_labels
            (B,)), "squared_error" or "binary" (values (B, K)), or a function from the scores
            to (loss, gradient of the scores).
        scales: what the gradients of the two sums of losses are multiplied by.
        dropout: a rate for each place of train/training.h; none by default.
        ready: told of applications of layers whose gradients are complete.

        Returns losses (sums), counts and correct, pairs of numbers; tokens; scores, an array
        or None.  The GIL is released.  IndexError for an id or a label outside its range,
        ValueError for a wrong shape, RuntimeError while another thread is in a step.
        """
