"""Fixtures for tests of training."""

import core64_build
import pytest


@pytest.fixture(scope="session")
def core64():
    """The training sources compiled with double in place of float."""
    if not core64_build.sources() or core64_build.compiler() is None:
        pytest.skip("needs the sources and a C compiler")
    return core64_build.load(core64_build.build())
