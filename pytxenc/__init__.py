"""RoBERTa, ALBERT and BERT encoders for CPU: the API of transformers, computed in C."""


def _load_core():
    """Import the extension, whose OpenBLAS comes from the scipy-openblas32 package.

    An installed package finds the library beside itself; a source checkout or a split
    installation finds it here.
    """
    try:
        from . import _core
    except ImportError as error:
        import ctypes
        import importlib.util
        from pathlib import Path

        spec = importlib.util.find_spec("scipy_openblas32")
        libraries = []
        if spec is not None and spec.origin is not None:
            libraries = sorted(Path(spec.origin).parent.glob("lib/libscipy_openblas*"))
        if not libraries or "openblas" not in str(error):
            raise
        ctypes.CDLL(str(libraries[0]))
        from . import _core
    return _core


_load_core()
del _load_core
