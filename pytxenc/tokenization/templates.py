"""Post-processors as lists of what they put around the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Item(NamedTuple):
    """A text (0 or 1), or ids of special tokens where `text` is None, and their type id."""

    text: int | None
    ids: tuple[int, ...]
    type_id: int


def _from_pieces(pieces: Sequence[Mapping[str, Any]], spec: Mapping[str, Any]) -> list[Item]:
    items = []
    for piece in pieces:
        if "Sequence" in piece:
            sequence = piece["Sequence"]
            items.append(Item("AB".index(sequence["id"]), (), sequence["type_id"]))
        else:
            special = piece["SpecialToken"]
            ids = tuple(spec["special_tokens"][special["id"]]["ids"])
            items.append(Item(None, ids, special["type_id"]))
    return items


def template_items(spec: Mapping[str, Any] | None, pair: bool) -> list[Item]:
    """What `spec`, a tokenizer.json post-processor the core has accepted, builds."""
    while spec is not None and spec["type"] == "Sequence":
        parts = [part for part in spec["processors"] if part["type"] != "ByteLevel"]
        spec = parts[0] if parts else None
    kind = None if spec is None else spec["type"]
    if spec is not None and kind == "TemplateProcessing":
        return _from_pieces(spec["pair" if pair else "single"], spec)
    if spec is not None and kind in ("RobertaProcessing", "BertProcessing"):
        cls, sep = (spec["cls"][1],), (spec["sep"][1],)
        roberta = kind == "RobertaProcessing"
        items = [Item(None, cls, 0), Item(0, (), 0), Item(None, sep, 0)]
        if pair:
            second = 0 if roberta else 1
            if roberta:
                items.append(Item(None, sep, 0))
            items += [Item(1, (), second), Item(None, sep, second)]
        return items
    return [Item(0, (), 0), Item(1, (), 1)][: 2 if pair else 1]


def set_flags(tokenizer: Any, **flags: bool | None) -> dict[str, bool]:
    """Make attributes of the flags that are given; returns those."""
    given = {name: bool(flag) for name, flag in flags.items() if flag is not None}
    tokenizer.__dict__.update(given)
    return given


def plain_template(tokenizer: Any) -> dict[str, Any]:
    """A TemplateProcessing spec of the texts alone, or with bos and eos around each of them.

    The tokenizer's add_bos_token and add_eos_token say which.
    """
    bos = tokenizer.bos_token if tokenizer.add_bos_token else None
    eos = tokenizer.eos_token if tokenizer.add_eos_token else None

    def around(text: int) -> list[tuple[str | int, int]]:
        return [(item, text) for item in (bos, text, eos) if item is not None]

    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in (bos, eos) if token}
    return template_processing(around(0), around(0) + around(1), ids)


def two_separators(tokenizer: Any) -> dict[str, Any]:
    """A TemplateProcessing spec of `bos A eos` and `bos A eos eos B eos`, all of type 0."""
    bos, eos = tokenizer.bos_token, tokenizer.eos_token
    if bos is None or eos is None:
        raise ValueError("bos_token and eos_token must be set: the template is made of them")
    return template_processing(
        [(bos, 0), (0, 0), (eos, 0)],
        [(bos, 0), (0, 0), (eos, 0), (eos, 0), (1, 0), (eos, 0)],
        {bos: tokenizer.bos_token_id, eos: tokenizer.eos_token_id},
    )


def template_processing(
    single: Sequence[tuple[str | int, int]],
    pair: Sequence[tuple[str | int, int]],
    ids: Mapping[str, int],
) -> dict[str, Any]:
    """A TemplateProcessing spec.

    Items are (text, type id), text being 0 or 1, or (special token, type id), with the
    token's id in `ids`.
    """

    def piece(item: str | int, type_id: int) -> dict[str, Any]:
        if isinstance(item, int):
            return {"Sequence": {"id": "AB"[item], "type_id": type_id}}
        return {"SpecialToken": {"id": item, "type_id": type_id}}

    return {
        "type": "TemplateProcessing",
        "single": [piece(*item) for item in single],
        "pair": [piece(*item) for item in pair],
        "special_tokens": {
            token: {"id": token, "ids": [index], "tokens": [token]}
            for token, index in sorted(ids.items())
        },
    }
