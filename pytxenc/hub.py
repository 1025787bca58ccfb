"""Where the files of a model come from and go to: a local directory, or a repository on the hub.

Models that come with the package, such as "pytxenc/roberta-mini", are local directories too.  A
local directory never touches the network and never imports huggingface_hub, which is slow to
import; the hub's cache, tokens, endpoint and offline switches are huggingface_hub's own.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from .bundled import bundled_folder

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


# Keywords of every from_pretrained that say where files come from.
HUB_KEYWORDS = (
    "cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder",
)  # fmt: skip


def without_old_keywords(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a from_pretrained but those of older releases that have no use now.

    TypeError for those that must not be ignored.
    """
    if kwargs.get("use_auth_token") is not None:
        raise TypeError("use_auth_token is now called token")
    if kwargs.get("proxies"):
        raise TypeError("proxies are now taken from the environment: set HTTP_PROXY or HTTPS_PROXY")
    old = ("use_auth_token", "proxies", "resume_download")
    return {name: value for name, value in kwargs.items() if name not in old}


class Source:
    """The files of one model, looked for by name.

    All files of a hub repository come from one commit: the first look-up turns `revision` into
    it.  Only files that are asked for are downloaded.
    """

    def __init__(
        self,
        name_or_path: str | os.PathLike[str],
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        revision: str | None = "main",
        subfolder: str = "",
    ) -> None:
        """Choose between a local directory, which wins, a bundled model and a name on the hub.

        The path of a file stands for the directory it is in.  OSError when `name_or_path` is
        neither a directory nor anything that could be a name on the hub.  Directories and bundled
        models have no revisions and are not downloaded: what says how is not looked at.
        """
        if not isinstance(name_or_path, str | os.PathLike):
            raise TypeError(
                f"{name_or_path!r:.80} is no path of a directory and no name of a model on the hub"
            )
        self.name = os.fspath(name_or_path)
        self.directory: Path | None = None
        self._subfolder = _check_relative(subfolder) if subfolder else PurePosixPath()
        self._cache_dir = os.fspath(cache_dir) if cache_dir is not None else None
        self._force_download = force_download
        self._local_files_only = local_files_only
        self._token = token
        self._revision = revision or "main"
        self._unreachable: str | None = None
        self._found: dict[str, Path | None] = {}
        path = Path(self.name)
        if self.name and path.is_dir():
            self.directory = path / self._subfolder
        elif path.is_file():
            self.directory = path.parent / self._subfolder
        elif (bundled := bundled_folder(self.name)) is not None:
            self.directory = bundled / self._subfolder
        elif not _REPOSITORY.fullmatch(self.name) or ".." in self.name or "--" in self.name:
            raise OSError(
                f"{self.name!r} is not a directory here, and not a name on the hub either (those "
                "look like 'roberta-base' or 'organisation/model'); check the path"
            )

    def find(self, filename: str) -> Path | None:
        """Local path of a file, downloaded if need be; None when the source has no such file.

        OSError when the hub cannot tell: unreachable, offline and never downloaded, no such
        repository or revision, no access, a download that failed.
        """
        relative = str(self._subfolder / _check_relative(filename))
        if self.directory is not None:
            path = self.directory / filename
            return path if path.is_file() else None
        if relative not in self._found:
            self._found[relative] = self._find_on_hub(relative)
        return self._found[relative]

    def files(self, filenames: Iterable[str]) -> dict[str, Path]:
        """Those of the files that exist."""
        found = {name: self.find(name) for name in filenames}
        return {name: path for name, path in found.items() if path is not None}

    def first(self, candidates: Iterable[str]) -> Path | None:
        """The first of the files that exists; those after it are not looked for."""
        for name in candidates:
            path = self.find(name)
            if path is not None:
                return path
        return None

    def local(self, filename: str) -> Path | None:
        """Local path of a file that need not be downloaded; None for any other."""
        if self.directory is not None:
            return self.find(filename)
        import huggingface_hub

        path = huggingface_hub.try_to_load_from_cache(
            self.name,
            str(self._subfolder / _check_relative(filename)),
            cache_dir=self._cache_dir,
            revision=self._revision,
        )
        return Path(path) if isinstance(path, str) else None

    def listing(self) -> dict[str, int]:
        """Bytes of every file, by name, downloaded or not.  OSError when the hub cannot tell."""
        if self.directory is not None:
            paths = [path for path in self.directory.rglob("*") if path.is_file()]
            return {p.relative_to(self.directory).as_posix(): p.stat().st_size for p in paths}
        import huggingface_hub

        api = huggingface_hub.HfApi(token=self._token)
        try:
            info = api.model_info(self.name, revision=self._revision, files_metadata=True)
        except Exception as error:  # whatever the HTTP library and the hub may raise
            raise OSError(f"{self.name}: could not be listed: {_summary(error)}") from error
        return {file.rfilename: file.size or 0 for file in info.siblings or ()}

    def missing(self, filenames: Sequence[str]) -> OSError:
        """The error to raise when none of the files exists."""
        names = " nor ".join(filenames)
        if self.directory is not None:
            return OSError(f"{self.directory}: this directory has no {names}")
        message = f"{self.name}: has no {names} at revision {self._revision}"
        if self._subfolder.parts:
            message += f" in folder {self._subfolder}"
        if self._unreachable:
            message += f" in the cache ({self._unreachable}, so only the cache was searched)"
        return OSError(message)

    @property
    def commit(self) -> str | None:
        """The commit that hub files come from, once one has been looked for."""
        return self._revision if _COMMIT.fullmatch(self._revision) else None

    def _find_on_hub(self, filename: str) -> Path | None:
        import huggingface_hub as hub
        from huggingface_hub import errors

        where = f"{self.name} (revision {self._revision})"
        if self.commit and not self._force_download:
            cached = hub.try_to_load_from_cache(
                self.name, filename, cache_dir=self._cache_dir, revision=self._revision
            )
            if cached is not None:
                return Path(cached) if isinstance(cached, str) else None
        try:
            path = Path(
                hub.hf_hub_download(
                    self.name,
                    filename,
                    revision=self._revision,
                    cache_dir=self._cache_dir,
                    force_download=self._force_download,
                    token=self._token,
                    local_files_only=self._local_files_only,
                )
            )
        except errors.LocalEntryNotFoundError as error:
            self._fall_back(hub, where, error)
            return None
        except errors.EntryNotFoundError as error:
            self._note_commit(_commit_of(error))
            return None
        except errors.GatedRepoError as error:
            raise OSError(
                f"{where}: access to this repository must be granted: ask for it at "
                f"{hub.constants.ENDPOINT}/{self.name}, then pass token= or run `hf auth login`"
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise OSError(
                f"{where}: not a directory here, and the hub knows no repository of that name, "
                "or it is private: check the name; for a private one pass token= or run "
                "`hf auth login`"
            ) from error
        except errors.RevisionNotFoundError as error:
            raise OSError(
                f"{self.name}: has no branch, tag or commit {self._revision!r}; see "
                f"{hub.constants.ENDPOINT}/{self.name}/commits"
            ) from error
        except Exception as error:  # whatever the HTTP library and the file system may raise
            raise OSError(f"{where}: could not get {filename}: {_summary(error)}") from error
        self._note_commit(path.parents[len(PurePosixPath(filename).parts) - 1].name)
        return path

    def _fall_back(self, hub: Any, where: str, error: Exception) -> None:
        """After the hub gave no answer: go on with the cache if it knows this repository."""
        if self._unreachable:
            pass  # known from the file before
        elif self._local_files_only:
            self._unreachable = "local_files_only"
        elif hub.constants.HF_HUB_OFFLINE:
            self._unreachable = "offline mode is on"
        else:
            self._unreachable = f"{hub.constants.ENDPOINT} did not answer"
        cache = Path(self._cache_dir or hub.constants.HF_HUB_CACHE)
        repository = cache / ("models--" + self.name.replace("/", "--"))
        revision = self._revision
        if not self.commit:
            try:
                revision = (repository / "refs" / revision).read_text().strip()
            except (OSError, ValueError):
                revision = ""
        if revision and (repository / "snapshots" / revision).is_dir():
            self._local_files_only = True  # asking again would only wait again
            self._note_commit(revision)
        else:
            raise OSError(
                f"{where}: not a directory here, not in the cache {cache}, and the hub could not "
                f"be asked ({self._unreachable}): check the connection, or download it where there "
                "is one"
            ) from error

    def _note_commit(self, commit: str | None) -> None:
        if commit and not self.commit and _COMMIT.fullmatch(commit):
            self._revision = commit


def upload(
    folder: str | os.PathLike[str],
    filenames: Sequence[str],
    repo_id: str,
    *,
    commit_message: str,
    commit_description: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
) -> str:
    """Put files of a folder into a repository on the hub, which is made if it is not there.

    A new repository is private if `private` says so.  `create_pr` proposes the commit
    instead of making it.  Returns the address of the commit.  OSError when the hub refuses
    or does not answer.
    """
    import huggingface_hub

    api = huggingface_hub.HfApi()
    try:
        repo_id = api.create_repo(repo_id, private=private, token=token, exist_ok=True).repo_id
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=os.fspath(folder),
            allow_patterns=list(filenames),
            commit_message=commit_message,
            commit_description=commit_description,
            token=token,
            revision=revision,
            create_pr=create_pr,
        )
    except Exception as error:  # whatever the HTTP library and the hub may raise
        raise OSError(
            f"the hub's repository {repo_id} could not be written: {_summary(error)}"
        ) from error
    return commit.commit_url


class PushToHubMixin:
    """What save_pretrained writes into a directory and the hub can hold."""

    _pushed_as: ClassVar[str]  # in the commit's message

    def save_pretrained(self, save_directory: str) -> Any:
        """Write all files into a directory."""
        raise NotImplementedError

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        **save_options: Any,
    ) -> str:
        """Upload the files of `save_pretrained` to a repository on the hub, made if need be.

        Args:
            repo_id: "name" or "organisation/name".
            commit_message, commit_description: of the commit.
            private: of a repository that is new.
            token: for the hub; by default the one that is logged in.
            revision: branch to commit to.
            create_pr: propose the commit instead of making it.
            **save_options: arguments of save_pretrained.

        Returns:
            The address of the commit.

        Raises:
            OSError: the hub refuses or does not answer.
            TypeError: an option that save_pretrained does not have.
        """
        with tempfile.TemporaryDirectory() as directory:
            self.save_pretrained(directory, **save_options)
            return upload(
                directory,
                os.listdir(directory),
                repo_id,
                commit_message=commit_message or f"Upload {self._pushed_as}",
                commit_description=commit_description,
                private=private,
                token=token,
                revision=revision,
                create_pr=create_pr,
            )

    def _upload_saved(
        self,
        directory: str | os.PathLike[str],
        filenames: Iterable[str],
        repo_id: str | None,
        commit_message: str | None,
        private: bool | None,
        token: str | bool | None,
    ) -> None:
        """Upload what save_pretrained has written, by default to a repository of that name."""
        upload(
            directory,
            [os.path.basename(name) for name in filenames],
            repo_id or Path(directory).resolve().name,
            commit_message=commit_message or f"Upload {self._pushed_as}",
            private=private,
            token=token,
        )


def _check_relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        raise ValueError(f"{name!r} is not a name of a file inside a model's folder")
    return path


def _commit_of(error: Exception) -> str | None:
    response = getattr(error, "response", None)
    return response.headers.get("x-repo-commit") if response is not None else None


def _summary(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def resolve_files(
    name_or_path: str | os.PathLike[str], filenames: Sequence[str], **options: Any
) -> dict[str, Path]:
    """Those of the files that a model has, as local paths; options as for `Source`."""
    return Source(name_or_path, **options).files(filenames)


def resolve_first(
    name_or_path: str | os.PathLike[str], candidates: Sequence[str], **options: Any
) -> Path:
    """The first of the files that a model has; OSError when it has none."""
    source = Source(name_or_path, **options)
    path = source.first(candidates)
    if path is None:
        raise source.missing(candidates)
    return path
