"""A stand-in for the part of huggingface_hub that uploads."""

import os
from types import SimpleNamespace

import pytest


class Hub:
    """Stands for huggingface_hub.HfApi."""

    calls: list  # of every instance

    def create_repo(self, repo_id, **kwargs):
        if repo_id == "refused":
            raise RuntimeError("403 Forbidden")
        self.calls.append(("create", repo_id, kwargs))
        return SimpleNamespace(repo_id=f"me/{repo_id}")

    def upload_folder(self, *, repo_id, folder_path, allow_patterns, **kwargs):
        assert set(allow_patterns) <= set(os.listdir(folder_path))
        self.calls.append(("upload", repo_id, sorted(allow_patterns), kwargs))
        return SimpleNamespace(commit_url=f"hub/{repo_id}/commit/1")


def stand_in(monkeypatch):
    """Put a Hub without calls in the place of huggingface_hub's."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    Hub.calls = []
    return Hub
