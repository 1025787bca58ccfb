"""One adapter a package that computes encoders: how its users load a model and call it.

Settings are those that the package's guide gives for latency on a CPU.  All get the same padded
batches with their attention masks, but CTranslate2, which takes lists of ids and leaves the
padding out.
"""

import importlib.util
import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

PEAK_SECONDS = 0.05


class Engine:
    """An encoder, loaded from the files of a model and what `prepare` wrote beside them."""

    packages: ClassVar[tuple[str, ...]] = ()  # that must be installed
    dtypes: ClassVar[tuple[str, ...]] = ()  # that it is measured in
    families: ClassVar[tuple[str, ...]] = ("Roberta", "Albert")
    note: ClassVar[str] = ""  # what is to be known of its figures

    @staticmethod
    def prepare(folder: Path, family: str) -> None:
        """Convert the model in `folder`, where the package reads files of its own."""

    def __init__(self, folder: Path, family: str, dtype: str, threads: int) -> None:
        raise NotImplementedError

    def give(self, batch: dict[str, Any]) -> Any:
        """What `encode` takes; making it is not timed."""
        return batch

    def encode(self, given: Any) -> Any:
        """The last layer's hidden states in the package's own form."""
        raise NotImplementedError

    def states(self, encoded: Any) -> Any:
        """The hidden states as a float32 array [B, S, C]."""
        return encoded

    def peak(self) -> float | None:
        """Operations a second that the processor reaches now, where it can be measured."""
        return None


class Pytxenc(Engine):
    packages = ("pytxenc",)
    dtypes = ("float32", "bfloat16", "int8")

    def __init__(self, folder: Path, family: str, dtype: str, threads: int, **options: Any) -> None:
        import pytxenc

        pytxenc.set_num_threads(threads)
        self._model = getattr(pytxenc, f"{family}Model").from_pretrained(
            folder, add_pooling_layer=False, dtype=dtype, **options
        )
        if self._model.precision != dtype:
            raise RuntimeError(f"computes in {self._model.precision}")
        self._dtype, self._threads = dtype, threads

    def encode(self, given: Any) -> Any:
        return self._model(**given).last_hidden_state

    def peak(self) -> float | None:
        from concurrent.futures import ThreadPoolExecutor

        from pytxenc import _core

        if not hasattr(_core, "measure_peak"):
            return None
        with ThreadPoolExecutor(self._threads) as pool:
            measured = [
                pool.submit(_core.measure_peak, self._dtype, PEAK_SECONDS)
                for _ in range(self._threads)
            ]
            return float(sum(one.result() for one in measured))


class Torch(Engine):
    packages = ("torch", "transformers")
    dtypes = ("float32", "bfloat16")

    def __init__(self, folder: Path, family: str, dtype: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._model = _reference(folder, family, dtype)

    def give(self, batch: dict[str, Any]) -> Any:
        import torch

        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def encode(self, given: Any) -> Any:
        import torch

        with torch.inference_mode():
            return self._model(**given).last_hidden_state

    def states(self, encoded: Any) -> Any:
        return encoded.float().numpy()


def _reference(folder: Path, family: str, dtype: str = "float32") -> Any:
    """The model in transformers, with the attention that is quickest there."""
    import torch
    import transformers

    return (
        getattr(transformers, f"{family}Model")
        .from_pretrained(
            folder,
            add_pooling_layer=False,
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa",
        )
        .eval()
    )


class _Onnx(Engine):
    """Reads an ONNX file, exported from transformers once for all."""

    @staticmethod
    def prepare(folder: Path, family: str) -> None:
        import warnings

        import torch

        path = folder / "model.onnx"
        if path.exists():
            return
        model = _reference(folder, family)

        class Exported(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, input_ids: Any, attention_mask: Any) -> Any:
                return self.model(input_ids, attention_mask).last_hidden_state

        ids = torch.full((2, 16), 7)
        mask = torch.ones_like(ids)
        ids[1, 9:], mask[1, 9:] = model.config.pad_token_id, 0
        names = ["input_ids", "attention_mask", "last_hidden_state"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Exported(),
                (ids, mask),
                str(path),
                input_names=names[:2],
                output_names=names[2:],
                dynamic_axes={name: {0: "batch", 1: "sequence"} for name in names},
                opset_version=17,
                dynamo=False,
            )


class OnnxRuntime(_Onnx):
    packages = ("onnxruntime", "onnx", "torch", "transformers")
    dtypes = ("float32",)

    def __init__(self, folder: Path, family: str, dtype: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, given: Any) -> Any:
        return self._session.run(None, given)[0]


class OpenVino(_Onnx):
    packages = ("openvino", "onnx", "torch", "transformers")
    dtypes = ("float32", "bfloat16")

    def __init__(self, folder: Path, family: str, dtype: str, threads: int) -> None:
        import openvino

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[dtype],
        }
        compiled = openvino.Core().compile_model(folder / "model.onnx", "CPU", settings)
        if (
            compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
            != (settings["INFERENCE_PRECISION_HINT"])
        ):
            raise RuntimeError(f"does not compute in {dtype} on this processor")
        self._request = compiled.create_infer_request()

    def encode(self, given: Any) -> Any:
        return self._request.infer(given, share_inputs=True, share_outputs=True)[0]


class CTranslate2(Engine):
    packages = ("ctranslate2", "torch", "transformers")
    dtypes = ("float32", "int8")
    families = ("Roberta",)
    note = "takes lists of ids, without padding"

    @staticmethod
    def prepare(folder: Path, family: str) -> None:
        import torch
        from ctranslate2.converters.transformers import RobertaLoader

        path = folder / "ctranslate2"
        if path.exists():
            return
        model = _reference(folder, family)
        # The loader asks for a field that transformers 5 no longer has.
        model.config.position_embedding_type = "absolute"
        with torch.no_grad():
            spec = RobertaLoader().get_model_spec(model)
        spec.register_vocabulary([str(number) for number in range(model.config.vocab_size)])
        spec.config.unk_token = "0"
        spec.config.layer_norm_epsilon = model.config.layer_norm_eps
        spec.validate()
        spec.optimize()
        path.mkdir()
        spec.save(str(path))

    def __init__(self, folder: Path, family: str, dtype: str, threads: int) -> None:
        import ctranslate2

        self._encoder = ctranslate2.Encoder(
            str(folder / "ctranslate2"),
            compute_type=dtype,
            inter_threads=1,
            intra_threads=threads,
        )

    def give(self, batch: dict[str, Any]) -> Any:
        rows = zip(batch["input_ids"], batch["attention_mask"], strict=True)
        return [ids[mask != 0].tolist() for ids, mask in rows]

    def encode(self, given: Any) -> Any:
        return self._encoder.forward_batch(given).last_hidden_state

    def states(self, encoded: Any) -> Any:
        import numpy as np

        return np.array(encoded)


ENGINES: dict[str, type[Engine]] = {
    "pytxenc": Pytxenc,
    "torch": Torch,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "ctranslate2": CTranslate2,
}


class Contender(NamedTuple):
    """An engine in a precision."""

    engine: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.engine} {self.dtype}"

    @property
    def adapter(self) -> type[Engine]:
        return ENGINES[self.engine]

    def missing(self) -> list[str]:
        """Packages that it wants and that are not installed."""
        return [name for name in self.adapter.packages if importlib.util.find_spec(name) is None]


CONTENDERS = [Contender(name, dtype) for name, cls in ENGINES.items() for dtype in cls.dtypes]


class Turn(NamedTuple):
    """What a contender measured in one turn."""

    seconds: float  # of one pass over the work
    peak: float | None  # operations a second, right before


class Runner:
    """A contender at work, in a process of its own."""

    def __init__(self, contender: Contender, folder: Path, family: str, threads: int) -> None:
        self._engine = contender.adapter(folder, family, contender.dtype, threads)
        self._given: list[Any] = []

    def begin(self, batches: list[dict[str, Any]]) -> Any:
        """Take a work; returns the hidden states [N, C] of the real tokens of its first batch."""
        self._given = [self._engine.give(batch) for batch in batches]
        states = self._engine.states(self._engine.encode(self._given[0]))
        return states[batches[0]["attention_mask"].astype(bool)]

    def turn(self, seconds: float) -> Turn:
        """Pass over the work until so many seconds are over, at least once.

        The first batch is encoded once before that: others have used the caches.
        """
        peak = self._engine.peak()
        self._engine.encode(self._given[0])
        start = time.perf_counter()
        passes, spent = 0, 0.0
        while passes == 0 or spent < seconds:
            for given in self._given:
                self._engine.encode(given)
            passes += 1
            spent = time.perf_counter() - start
        return Turn(spent / passes, peak)
