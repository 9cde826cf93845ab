"""The App itself, its installations and their tokens."""

from githubsim.clock import iso
from githubsim.errors import ApiError, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json
from githubsim.shapes.repositories import READ_ONLY
from githubsim.store import Installation, Token


@route("GET", "/app", "app")
def show_app(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#get-the-authenticated-app"""
    return Answer(call.shapes.app(call.app))


@route("GET", "/app/installations", "app")
def list_installations(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#list-installations-for-the-authenticated-app"""
    app = call.app
    return call.whole(call.store.installations(), lambda one: call.shapes.installation(one, app))


@route("GET", "/app/installations/{installation_id}", "app")
def show_installation(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#get-an-installation-for-the-authenticated-app"""
    return Answer(call.shapes.installation(_installation(call), call.app))


@route("DELETE", "/app/installations/{installation_id}", "app")
def delete_installation(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#delete-an-installation-for-the-authenticated-app"""
    call.store.uninstall(_installation(call).id, sender_id=call.app.bot_id)
    return Answer(status=204)


@route("PUT", "/app/installations/{installation_id}/suspended", "app")
def suspend(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#suspend-an-app-installation"""
    call.store.suspend(_installation(call).id, sender_id=call.app.bot_id)
    return Answer(status=204)


@route("DELETE", "/app/installations/{installation_id}/suspended", "app")
def unsuspend(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#unsuspend-an-app-installation"""
    call.store.unsuspend(_installation(call).id, sender_id=call.app.bot_id)
    return Answer(status=204)


@route("POST", "/app/installations/{installation_id}/access_tokens", "app")
def create_token(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app"""
    body = call.json()
    for name, kind in (("permissions", dict), ("repository_ids", list), ("repositories", list)):
        if not isinstance(body.get(name, kind()), kind):
            raise ApiError(422, f"Invalid request.\n\nFor '{name}', that is not the right type.")
    installation = _installation(call)
    token = call.world.auth.create_token(
        installation,
        permissions=body.get("permissions"),
        repository_ids=body.get("repository_ids"),
        repositories=body.get("repositories"),
    )
    return Answer(_token(call, token, installation), 201)


@route("DELETE", "/installation/token", "installation")
def revoke_token(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/installations#revoke-an-installation-access-token"""
    if call.caller.token is not None:
        call.store.revoke_token(call.caller.token.token)
    return Answer(status=204)


@route("GET", "/installation/repositories", "installation")
def list_repositories(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/installations#list-repositories-accessible-to-the-app-installation"""
    token = call.caller.token
    seen = call.store.installation_repositories(call.installation)
    if token is not None and token.repository_ids is not None:
        seen = [one for one in seen if one.id in token.repository_ids]
    part = seen[call.offset : call.offset + call.per_page]
    body = {
        "total_count": len(seen),
        "repository_selection": call.installation.repository_selection,
        "repositories": [call.shapes.repository(one, READ_ONLY | {"pull": False}) for one in part],
    }
    return call.paged(body, len(seen))


@route("GET", "/repos/{owner}/{repo}/installation", "app")
def repository_installation(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#get-a-repository-installation-for-the-authenticated-app"""
    if "repo" in call.params:
        repository = call.store.repository_by_name(call.params["owner"], call.params["repo"])
    else:
        repository = call.store.repository(call.number("repository_id"))
    if repository is None:
        raise not_found()
    for installation in call.store.installations():
        if any(
            one.id == repository.id for one in call.store.installation_repositories(installation)
        ):
            return Answer(call.shapes.installation(installation, call.app))
    raise not_found()


@route("GET", "/orgs/{login}/installation", "app")
@route("GET", "/users/{login}/installation", "app")
def account_installation(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#get-an-organization-installation-for-the-authenticated-app"""
    account = call.store.account_by_login(call.params["login"])
    found = None if account is None else call.store.installation_of(account.id)
    if found is None:
        raise not_found()
    return Answer(call.shapes.installation(found, call.app))


@route("GET", "/apps/{slug}")
def public_app(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/apps#get-an-app"""
    app = call.store.app()
    if app is None or app.slug != call.params["slug"]:
        raise not_found()
    shape = call.shapes.app(app)
    del shape["installations_count"]
    return Answer(shape)


def _installation(call: Call) -> Installation:
    found = call.store.installation(call.number("installation_id"))
    if found is None:
        raise not_found()
    return found


def _token(call: Call, token: Token, installation: Installation) -> Json:
    shape: Json = {
        "token": token.token,
        "expires_at": iso(token.expires_at or 0),
        "permissions": token.permissions,
        "repository_selection": installation.repository_selection,
    }
    if token.repository_ids is not None:
        found = [call.store.repository(one) for one in token.repository_ids]
        shape["repository_selection"] = "selected"
        shape["repositories"] = [call.shapes.repository(one) for one in found if one]
    return shape
