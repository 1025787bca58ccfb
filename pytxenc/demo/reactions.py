"""Chemical reactions written as SMILES, completed by an ALBERT of twelve shared layers."""

import re

import numpy as np

from .. import AlbertForMaskedLM
from .report import Report
from .weights import model_dir

REACTIONS = (
    "CC(C)S.CN(C)C=O.Fc1cccnc1F.O=C([O-])[O-].[K+].[K+]>>CC(C)Sc1ncccc1F",
    "C1COCCO1.CC(C)(C)OC(=O)CONC(=O)NCc1cccc2ccccc12.Cl>>O=C(O)CONC(=O)NCc1cccc2ccccc12",
)
KNOWN_HITS = 133
KNOWN_SULFUR = 0.965

# An atom in brackets, a ring number of two digits, a letter pair, the arrow, any one letter.
TOKEN = re.compile(r"\[[^\]]+\]|%\d\d|Br|Cl|>>|\S")


def run(report: Report) -> None:
    """Hide every token in turn and let the model say what stood there."""
    report.title("What is missing from a reaction?  rxnmapper (ALBERT)")
    folder = model_dir("rxnmapper-albert")
    model = AlbertForMaskedLM.from_pretrained(folder)
    tokens = (folder / "vocab.txt").read_text().split("\n")
    vocab = {token: i for i, token in enumerate(tokens)}

    hits = total = 0
    for reaction in REACTIONS:
        pieces = ["[CLS]", *TOKEN.findall(reaction), "[SEP]"]
        ids = np.array([vocab[piece] for piece in pieces])
        hidden = np.arange(1, len(ids) - 1)
        rows = np.tile(ids, (len(hidden), 1))
        rows[np.arange(len(hidden)), hidden] = vocab["[MASK]"]
        logits = model(input_ids=rows).logits[np.arange(len(hidden)), hidden]
        hits += int((logits.argmax(axis=1) == ids[hidden]).sum())
        total += len(hidden)
        if reaction is REACTIONS[0]:
            place = len(ids) - 1 - pieces[::-1].index("S")
            sulfur = _softmax(logits[place - 1])[vocab["S"]]
            masked = "".join([*pieces[1:place], "[MASK]", *pieces[place + 1 : -1]])
            print(f"  {masked}")
            report.close("probability of S", KNOWN_SULFUR, float(sulfur), 5e-4, 3)
    report.check(
        "tokens of two reactions, each hidden in turn, that are found again",
        f"{KNOWN_HITS}/134",
        f"{hits}/{total}",
        (hits, total) == (KNOWN_HITS, 134),
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()
