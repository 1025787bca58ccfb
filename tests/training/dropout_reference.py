"""The numbers that dropout draws, in NumPy: see ext/kernels/training.h and ext/train/dropout.h."""

import numpy as np

# Places that drop out, in the order of their numbers.
EMBEDDINGS, ATTENTION, ATTENTION_OUTPUT, FEED_FORWARD, HEAD_INPUT, HEAD_OUTPUT = range(6)
PLACES = 6
_WORD = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011): four words of counters [..., 4] and two of a key."""
    a, b, c, d = (np.asarray(counter, np.uint64)[..., i] for i in range(4))
    first, second = (int(word) for word in key)
    for _ in range(10):
        of_a, of_c = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        shift = np.uint64(32)
        a, b = (of_c >> shift) ^ b ^ np.uint64(first), of_c & _WORD
        c, d = (of_a >> shift) ^ d ^ np.uint64(second), of_a & _WORD
        first, second = (first + 0x9E3779B9) % 2**32, (second + 0xBB67AE85) % 2**32
    return np.stack([a, b, c, d], -1).astype(np.uint32)


def key_of(seed, step):
    """The 64-bit key of a step: SplitMix64 of both."""
    mask = 2**64 - 1
    z = (seed + (step + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
    return z ^ z >> 31


def row_of(sample, head, token):
    """The number of a row of elements: arrays, or numbers, that are broadcast."""
    return (
        np.asarray(sample, np.uint64) << np.uint64(32)
        | np.asarray(head, np.uint64) << np.uint64(20)
        | np.asarray(token, np.uint64)
    )


def factors(rate, key, place, application, rows, count):
    """What rows [...] of `count` elements are multiplied by, [..., count]: 0, or above 1."""
    rows = np.asarray(rows, np.uint64)
    blocks = -(-count // 8)
    counter = np.empty((*rows.shape, blocks, 4), np.uint64)
    counter[..., 0] = np.arange(blocks)
    counter[..., 1] = (rows & _WORD)[..., None]
    counter[..., 2] = place + PLACES * application
    counter[..., 3] = (rows >> np.uint64(32))[..., None]
    words = philox(counter, (key & 0xFFFFFFFF, key >> 32))
    halves = np.stack([words & 0xFFFF, words >> 16], -1).reshape(*rows.shape, -1)[..., :count]
    threshold = round(65536 * rate)
    return np.where(halves >= threshold, 65536 / (65536 - threshold), 0.0)
