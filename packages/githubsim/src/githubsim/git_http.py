"""Clone, fetch and push over HTTP: `git http-backend` on the world's own repositories."""

import asyncio
import gzip
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from githubsim.ailments import ailments, refusal
from githubsim.auth import Caller
from githubsim.errors import ApiError, Moved
from githubsim.pushes import announce
from githubsim.rest.call import World
from githubsim.store import ZERO_SHA, Repository

_CHUNK = 65_536
# As git shows it after `remote:` (ebullient/ttrpg-convert-cli#538).
_WITHHELD = {
    "dmca": "Repository unavailable due to DMCA takedown.\n"
    "See the takedown notice for more details:\n"
    "  https://github.com/github/dmca"
}
_DISABLED = "Access to this repository has been disabled by GitHub staff."
_SERVICES = {"git-upload-pack": "read", "git-receive-pack": "write"}


async def git_endpoint(request: Request) -> Response:
    """`/{owner}/{name}[.git]/(info/refs|git-upload-pack|git-receive-pack)`."""
    world: World = request.app.state.world
    rest = request.url.path.split("/", 3)[3]
    service = request.query_params.get("service", "") if rest == "info/refs" else rest
    try:
        caller, repository = await run_in_threadpool(_admit, world, request, service)
    except ApiError as error:
        headers = {"WWW-Authenticate": 'Basic realm="GitHub"'} if error.status == 401 else {}
        headers |= error.headers
        if isinstance(error, Moved):
            headers["Location"] = str(request.url.replace(path=f"{error.url}/{rest}"))
        return PlainTextResponse(error.message + "\n", error.status, headers)
    if ailments(world.store, repository).git_silent:
        return await _silence(request)
    env = world.git.env | {
        "GIT_PROJECT_ROOT": str(world.git.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.id}.git/{rest}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_USER": caller.key,
        "REMOTE_ADDR": request.client.host if request.client else "",
    }
    # Read to its end before anything is answered: a streaming answer listens for the client's
    # leaving on the same channel and would swallow the rest of the body.
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if rest != "git-receive-pack":
        return await run_in_threadpool(_stream, body, env)
    return await run_in_threadpool(_receive, world, caller, repository, body, env)


async def _silence(request: Request) -> Response:
    """Take the connection and say nothing, until the client gives up."""
    while not await request.is_disconnected():
        await asyncio.sleep(0.2)
    return Response(status_code=504)


def _admit(world: World, request: Request, service: str) -> tuple[Caller, Repository]:
    if service not in _SERVICES:
        raise ApiError(403, "Please upgrade your git client.")
    owner = request.path_params["owner"]
    name = request.path_params["name"].removesuffix(".git")
    authorization = request.headers.get("authorization")
    caller = world.auth.identify(authorization)
    store = world.store
    repository = store.repository_by_name(owner, name) or store.repository_by_old_name(owner, name)
    if repository is None or not caller.sees(repository):
        if caller.kind == "anonymous":
            raise ApiError(401, "Repository not found.")
        raise ApiError(404, "Repository not found.")
    if caller.kind == "app":
        raise ApiError(403, "Resource not accessible by integration")
    refused = refusal(store, repository, caller.installation)
    if refused is not None:
        raise refused
    block = store.block(repository.id)
    if block is not None:
        raise ApiError(403, _WITHHELD.get(block[0], _DISABLED))
    level = _SERVICES[service]
    if level == "write":
        if caller.kind == "anonymous":
            raise ApiError(401, "No anonymous write access.")
        if not (caller.covers(repository) and caller.allows("contents", "write")):
            raise ApiError(403, "Write access to repository not granted.")
        if repository.archived:
            raise ApiError(403, "This repository was archived so it is read-only.")
    elif caller.kind != "anonymous" and not caller.allows("contents"):
        raise ApiError(403, "Resource not accessible by integration")
    present = store.full_name(repository)
    if present.lower() != f"{owner}/{name}".lower():
        # GitHub redirects the git of a renamed repository (losakovvitalik/plantar#144).
        raise Moved(f"/{present}.git")
    return caller, repository


def _stream(content: bytes, env: dict[str, str]) -> Response:
    """Answer while git is still working: a clone may be large."""
    with tempfile.TemporaryFile() as body:
        body.write(content)
        body.seek(0)
        process = subprocess.Popen(
            ["git", "http-backend"],
            stdin=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env | {"CONTENT_LENGTH": str(len(content))},
        )
    assert process.stdout is not None
    lines = []
    while line := process.stdout.readline().decode().rstrip("\r\n"):
        lines.append(line)
    status, headers = _parse(lines)
    return StreamingResponse(_chunks(process, process.stdout), status, headers)


def _chunks(process: subprocess.Popen[bytes], output: IO[bytes]) -> Iterator[bytes]:
    try:
        while chunk := output.read(_CHUNK):
            yield chunk
    finally:
        # A client that has gone away leaves git in the middle of its work.
        output.close()
        process.kill()
        process.wait()


def _receive(
    world: World, caller: Caller, repository: Repository, body: bytes, env: dict[str, str]
) -> Response:
    """Let git take the push whole, then tell the world which refs moved."""
    git = world.git
    with git.lock(repository.id):
        before = git.refs(repository.id)
        output = git.http_backend(body, env)
        after = git.refs(repository.id)
        moves = [
            (ref, before.get(ref, ZERO_SHA), after.get(ref, ZERO_SHA))
            for ref in sorted({*before, *after})
            if before.get(ref) != after.get(ref)
        ]
        announce(world.store, git, repository.id, moves, sender_id=caller.acting_id)
    head, _, content = output.partition(b"\r\n\r\n")
    status, headers = _parse(head.decode().split("\r\n"))
    return Response(content, status, headers)


def _parse(lines: list[str]) -> tuple[int, dict[str, str]]:
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    # http-backend says nothing at all when it was killed.
    status = int(headers.pop("Status", "200" if headers else "500").split()[0])
    return status, headers
