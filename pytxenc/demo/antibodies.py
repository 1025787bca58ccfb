"""Antibody sequences completed by two small RoBERTas, one for each chain."""

import numpy as np

from .. import RobertaForMaskedLM, RobertaTokenizer
from .report import Report
from .weights import model_dir

CHAINS = {
    "vh": (
        "heavy chain",
        "**QLV*SGVEVKKPGASVKVSCKASGYTFTNYYMYWVRQAPGQGLEWMGGINPSNGGTNFNEKFKNRVTLTTDSSTTTAYMELKSLQFDDTA"
        "VYYCARRDYRFDMGFDYWGQGTTVTVSS",
        "QVQ",
    ),
    "vl": (
        "light chain",
        "DIQMTQSPSSLSASVGDRVTITC*ASQSISSYLNWYQQKPGKAPKLLIYAASSLQSGVPSRFSGSGSGTDFTLTISSLQPEDFATYYCQQS"
        "YSTPLTFG*GTKVEIK",
        "RG",
    ),
}
# The package's own example: probabilities of A, C, D and E at the first places of the heavy chain.
KNOWN_SCORES = (
    (0.003272, 0.004147, 0.004011, 0.004590),
    (0.012038, 0.003854, 0.006803, 0.008174),
    (0.003384, 0.003895, 0.003726, 0.004068),
    (0.004612, 0.005325, 0.004443, 0.004641),
    (0.005519, 0.003664, 0.003555, 0.005269),
)


def run(report: Report) -> None:
    """Fill the places marked * with the likeliest amino acids."""
    report.title("Which amino acids belong here?  sapiens (RoBERTa)")
    for chain, (name, sequence, known) in CHAINS.items():
        folder = model_dir(f"sapiens-roberta-{chain}")
        tokenizer = RobertaTokenizer.from_pretrained(folder)
        model = RobertaForMaskedLM.from_pretrained(folder)
        ids = tokenizer.encode(sequence.replace("*", "<mask>"), return_tensors="np")
        logits = model(ids).logits[0, 1:-1].astype(np.float64)
        letters = [tokenizer.convert_tokens_to_ids(letter) for letter in "ACDEFGHIKLMNPQRSTVWY"]
        places = [i for i, letter in enumerate(sequence) if letter == "*"]
        best = logits[places][:, letters].argmax(axis=1)
        found = "".join("ACDEFGHIKLMNPQRSTVWY"[i] for i in best)
        report.check(f"{name} {_shortened(sequence)}", known, found, found == known)
        if chain == "vh":
            scores = np.exp(logits - logits.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
            worst = np.abs(scores[:5, letters[:4]] - KNOWN_SCORES).max()
            report.check(
                "largest difference from 20 published scores", "0", f"{worst:.1e}", worst < 2e-6
            )


def _shortened(sequence: str) -> str:
    """The surroundings of what is to be filled."""
    first, last = max(0, sequence.index("*") - 4), sequence.rindex("*") + 5
    inside = sequence[first:last]
    return f"...{inside[:12]}...{inside[-8:]}..." if len(inside) > 24 else f"{inside}..."
