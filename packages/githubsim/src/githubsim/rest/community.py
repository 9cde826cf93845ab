"""What GitHub finds in the files of a default branch: readme, licence, errors of CODEOWNERS."""

from githubsim.community import (
    Found,
    codeowners,
    errors,
    license_file,
    readme,
)
from githubsim.errors import not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.gitdata import encoded
from githubsim.shapes import Json
from githubsim.shapes.licenses import license_shape


@route("GET", "/repos/{owner}/{repo}/readme", "contents")
def show_readme(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/contents#get-a-repository-readme"""
    found = readme(call.git, call.repository.id, _head(call))
    if found is None:
        raise not_found()
    if call.wants("raw"):
        return Answer(found.content, media="application/vnd.github.raw; charset=utf-8")
    return Answer(_content(call, found))


@route("GET", "/repos/{owner}/{repo}/license", "metadata")
def show_license(call: Call) -> Answer:
    """https://docs.github.com/rest/licenses/licenses#get-the-license-for-a-repository"""
    found = license_file(call.git, call.repository.id, _head(call))
    if found is None or call.repository.license is None:
        raise not_found()
    shape = _content(call, found)
    return Answer(shape | {"license": license_shape(call.repository.license, call.shapes.api)})


@route("GET", "/repos/{owner}/{repo}/codeowners/errors", "contents")
def list_errors(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-codeowners-errors"""
    ref = call.query.get("ref")
    head = call.git.resolve(call.repository.id, ref) if ref else _head(call)
    found = codeowners(call.git, call.repository.id, head) if head else None
    if found is None:
        raise not_found()
    return Answer({"errors": errors(found)})


def _head(call: Call) -> str:
    head = call.git.ref(call.repository.id, f"refs/heads/{call.repository.default_branch}")
    if head is None:
        raise not_found()
    return head


def _content(call: Call, found: Found) -> Json:
    """`content-file`."""
    branch = call.repository.default_branch
    url, page = call.shapes.repo_url(call.repository), call.shapes.repo_page(call.repository)
    own = f"{url}/contents/{found.path}?ref={branch}"
    blob, html = f"{url}/git/blobs/{found.sha}", f"{page}/blob/{branch}/{found.path}"
    return {
        "name": found.path.rpartition("/")[2],
        "path": found.path,
        "sha": found.sha,
        "size": len(found.content),
        "url": own,
        "html_url": html,
        "git_url": blob,
        "download_url": f"{page}/raw/{branch}/{found.path}",
        "type": "file",
        "content": encoded(found.content),
        "encoding": "base64",
        "_links": {"self": own, "git": blob, "html": html},
    }
