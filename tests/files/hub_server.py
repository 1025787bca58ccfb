"""A small imitation of the hub: what huggingface_hub asks for when it gets single files."""

import http.server
import json
import threading
from typing import Any

FIRST, SECOND = "1" * 40, "2" * 40


class Hub:
    """A server on a free local port.  `commits` maps repositories to commits to files."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.main: dict[str, str] = {}
        self.private: dict[str, str] = {}  # repository: token
        self.gated: set[str] = set()
        self.cut_once: set[str] = set()  # files whose first download breaks off half-way
        self.always_short: set[str] = set()  # files that are served as half of themselves
        self.requests: list[str] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def downloaded(self) -> list[str]:
        """Names of the files that were sent, in order."""
        files = [request for request in self.requests if "/resolve/" in request]
        return [request.split("/")[-1] for request in files if request.startswith("GET")]

    def answer(self, handler: http.server.BaseHTTPRequestHandler, body: bool) -> None:
        self.requests.append(f"{handler.command} {handler.path}")
        path, listing = handler.path.partition("?")[0].strip("/"), False
        repository, _, rest = path.partition("/resolve/")
        if path.startswith("api/models/"):
            repository, _, rest = path.removeprefix("api/models/").partition("/revision/")
            listing = True
        revision, _, name = rest.partition("/")
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        commits = self.commits.get(repository)
        if commits is None or self.private.get(repository, token) != token:
            return fail(handler, 401, "RepoNotFound")
        if repository in self.gated:
            return fail(handler, 403, "GatedRepo")
        commit = self.main[repository] if revision == "main" else revision
        if commit not in commits:
            return fail(handler, 404, "RevisionNotFound")
        if listing:
            files = [{"rfilename": n, "size": len(data)} for n, data in commits[commit].items()]
            contents = json.dumps({"id": repository, "sha": commit, "siblings": files}).encode()
            return self.send(handler, "", commit, contents, body)
        contents = commits[commit].get(name)
        if contents is None:
            return fail(handler, 404, "EntryNotFound", commit)
        self.send(handler, name, commit, contents, body)

    def send(
        self,
        handler: http.server.BaseHTTPRequestHandler,
        name: str,
        commit: str,
        contents: bytes,
        body: bool,
    ) -> None:
        etag = f'"{hash((commit, name)) & 0xFFFFFFFF:08x}{len(contents)}"'
        if body and name in self.always_short:
            contents = contents[: len(contents) // 2]
        start = 0
        if body and (handler.headers.get("Range") or "").startswith("bytes="):
            start = int(handler.headers["Range"][6:].rstrip("-"))
        handler.send_response(206 if start else 200)
        if start:
            last = len(contents) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(contents)}")
        handler.send_header("ETag", etag)
        handler.send_header("X-Repo-Commit", commit)
        handler.send_header("Content-Length", str(len(contents) - start))
        handler.end_headers()
        if not body:
            return
        if name in self.cut_once:
            self.cut_once.remove(name)
            handler.wfile.write(contents[start : len(contents) // 2])
            handler.close_connection = True
            return
        handler.wfile.write(contents[start:])


def fail(
    handler: http.server.BaseHTTPRequestHandler, status: int, code: str, commit: str | None = None
) -> None:
    handler.send_response(status)
    handler.send_header("X-Error-Code", code)
    if commit is not None:
        handler.send_header("X-Repo-Commit", commit)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
