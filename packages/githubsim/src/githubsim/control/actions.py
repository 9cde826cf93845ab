"""What people could do on github.com, as control actions; each sends its webhooks."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from githubsim.ailments import afflict
from githubsim.community import license_key
from githubsim.control.desk import Desk, Refused
from githubsim.pushes import (
    NewCommit,
    annotate,
    email_of,
    merge_pull,
    move_ref,
    pull_spec,
    push_commits,
)
from githubsim.pushes import open_pull as open_in_git
from githubsim.shapes import Json
from githubsim.store import ZERO_SHA, Issue


def create_repository(desk: Desk) -> Json:
    """`owner`, `name`, `private`, `description`, `has_issues` → the repository."""
    owner = desk.account(desk.need("owner"))
    made = desk.store.create_repository(
        owner.id,
        desk.need("name"),
        description=desk.get("description"),
        private=bool(desk.get("private", False)),
        has_issues=bool(desk.get("has_issues", True)),
        sender_id=desk.sender.id,
    )
    desk.git.init(made.id)
    return desk.shapes.repository(made)


def fork_repository(desk: Desk) -> Json:
    """`repository`, `sender` (whose it is), `name` (the same) → the fork."""
    made = desk.store.fork_repository(desk.repository.id, desk.sender.id, desk.get("name"))
    desk.git.copy(made.id, desk.repository.id)
    return desk.shapes.repository(made)


def edit_repository(desk: Desk) -> Json:
    """`repository` and any of `name`, `description`, `private`, `archived`, `has_issues`."""
    fields = {
        key: desk.body[key]
        for key in ("name", "description", "private", "archived", "has_issues", "homepage")
        if key in desk.body
    }
    new = desk.store.edit_repository(desk.repository.id, sender_id=desk.sender.id, **fields)
    return desk.shapes.repository(new)


def set_default_branch(desk: Desk) -> Json:
    """`repository`, `branch`."""
    repository, branch = desk.repository, desk.need("branch")
    if branch not in desk.git.branches(repository.id):
        raise Refused(f"no branch {branch}")
    desk.git.set_default_branch(repository.id, branch)
    found = license_key(desk.git, repository.id, branch)
    new = desk.store.edit_repository(
        repository.id, default_branch=branch, license=found, sender_id=desk.sender.id
    )
    return desk.shapes.repository(new)


def transfer_repository(desk: Desk) -> Json:
    """`repository`, `new_owner`."""
    owner = desk.account(desk.need("new_owner"))
    new = desk.store.transfer_repository(desk.repository.id, owner.id, sender_id=desk.sender.id)
    return desk.shapes.repository(new)


def delete_repository(desk: Desk) -> Json:
    """`repository`."""
    gone = desk.store.delete_repository(desk.repository.id, sender_id=desk.sender.id)
    return desk.shapes.repository(gone)


def block_repository(desk: Desk) -> Json:
    """`repository`, `reason` (dmca; tos, sensitive_data; null opens it again)."""
    desk.store.block_repository(desk.repository.id, desk.get("reason", "dmca"))
    return desk.shapes.repository(desk.repository)


def ail_repository(desk: Desk) -> Json:
    """`repository`, or `installation_id`, and any of the fields of `ailments.Ailments`."""
    fields = {k: v for k, v in desk.body.items() if k not in ("repository", "installation_id")}
    of = desk.repository if "repository" in desk.body else desk.installation
    return asdict(afflict(desk.store, of, fields))


def set_permissions(desk: Desk) -> Json:
    """`installation_id`, `permissions`: name → level, or null for one that is not granted.

    As if the account had accepted, or never accepted, another set. Tokens keep what they have.
    """
    held = dict(desk.installation.permissions)
    for name, level in desk.need("permissions").items():
        held.pop(name, None)
        if level is not None:
            held[name] = level
    return desk.store.set_permissions(desk.installation.id, held).permissions


def open_issue(desk: Desk) -> Json:
    """`repository`, `title`, `body`, `labels` → the issue."""
    repository = desk.repository
    made = desk.store.open_issue(
        repository.id,
        desk.get("title", "An issue"),
        desk.get("body"),
        author_id=desk.sender.id,
        label_ids=_label_ids(desk, desk.get("labels", ())),
    )
    return _issue(desk, made)


def edit_issue(desk: Desk) -> Json:
    """`repository`, `number`, `title`, `body`; a pull request's too."""
    return _issue(
        desk,
        desk.store.edit_issue(
            desk.issue.id,
            title=desk.get("title"),
            body=desk.get("body"),
            sender_id=desk.sender.id,
        ),
    )


def close_issue(desk: Desk) -> Json:
    """`repository`, `number`, `reason`; a pull request is closed unmerged."""
    reason = desk.get("reason", "completed")
    return _issue(
        desk, desk.store.close_issue(desk.issue.id, reason=reason, sender_id=desk.sender.id)
    )


def reopen_issue(desk: Desk) -> Json:
    """`repository`, `number`."""
    return _issue(desk, desk.store.reopen_issue(desk.issue.id, sender_id=desk.sender.id))


def lock_issue(desk: Desk) -> Json:
    """`repository`, `number`, `locked` (true), `reason`."""
    new = desk.store.lock_issue(
        desk.issue.id,
        locked=bool(desk.get("locked", True)),
        reason=desk.get("reason"),
        sender_id=desk.sender.id,
    )
    return _issue(desk, new)


def label_issue(desk: Desk) -> Json:
    """`repository`, `number`, `labels`: these become its labels."""
    wanted = _label_ids(desk, desk.need("labels"))
    return _issue(desk, desk.store.set_labels(desk.issue.id, wanted, sender_id=desk.sender.id))


def assign_issue(desk: Desk) -> Json:
    """`repository`, `number`, `assignees`: these become its assignees."""
    wanted = [desk.account(one).id for one in desk.need("assignees")]
    new = desk.store.set_assignees(desk.issue.id, wanted, sender_id=desk.sender.id)
    return _issue(desk, new)


def delete_issue(desk: Desk) -> Json:
    """`repository`, `number`."""
    gone = desk.store.delete_issue(desk.issue.id, sender_id=desk.sender.id)
    return {"id": gone.id, "number": gone.number}


def transfer_issue(desk: Desk) -> Json:
    """`repository`, `number`, `to` (a repository), `new_comments` (false: whether its comments get
    new ids) → the issue where it is now.
    """
    target = desk.find_repository(desk.need("to"))
    new = desk.store.transfer_issue(
        desk.issue.id,
        target.id,
        new_comments=bool(desk.get("new_comments", False)),
        sender_id=desk.sender.id,
    )
    return _issue(desk, new)


def open_pull(desk: Desk) -> Json:
    """`repository`, `title`, `head`, `base`, `draft`; a head that is not there is pushed first.
    `head_repository` names another one as the fork that it comes from.
    """
    repository = desk.repository
    fork = desk.get("head_repository", repository.id)
    base = desk.get("base", repository.default_branch)
    head = desk.get("head") or f"change-{desk.store.allocate('change')}"
    if head not in desk.git.branches(repository.id):
        start = desk.git.ref(repository.id, f"refs/heads/{base}")
        _push(desk, head, [{}], start=start)
    made = open_in_git(
        desk.store,
        desk.git,
        repository.id,
        desk.get("title", "A change"),
        desk.get("body"),
        replace(
            pull_spec(desk.git, repository.id, base, head, draft=bool(desk.get("draft"))),
            head_repository_id=desk.find_repository(fork).id,
        ),
        author_id=desk.sender.id,
    )
    return desk.shapes.pull(repository, made)


def merge(desk: Desk) -> Json:
    """`repository`, `number`, `squash`."""
    merged = merge_pull(
        desk.store,
        desk.git,
        desk.pull.id,
        sender_id=desk.sender.id,
        squash=bool(desk.get("squash")),
    )
    return desk.shapes.pull(desk.repository, merged)


def set_draft(desk: Desk) -> Json:
    """`repository`, `number`, `draft` (true)."""
    new = desk.store.set_draft(
        desk.pull.id, bool(desk.get("draft", True)), sender_id=desk.sender.id
    )
    return desk.shapes.pull(desk.repository, new)


def auto_merge(desk: Desk) -> Json:
    """`repository`, `number`, `method` (merge, squash, rebase; null: off)."""
    new = desk.store.set_auto_merge(
        desk.pull.id, desk.get("method", "merge"), sender_id=desk.sender.id
    )
    return desk.shapes.pull(desk.repository, new)


def link(desk: Desk) -> Json:
    """`repository`, `number` of a pull request, `issue` (a number), `linked` (true)."""
    store, pull = desk.store, desk.pull.issue
    issue = store.issue_by_number(desk.repository.id, int(desk.need("issue")))
    if issue is None or issue.pull_id is not None:
        raise KeyError("issue")
    linked, now = bool(desk.get("linked", True)), store.clock.now()
    store.link(pull, issue, linked, actor_id=desk.sender.id, at=now)
    return {"number": issue.number, "linked": linked}


def push(desk: Desk) -> Json:
    """`repository`, `branch`, and `count` or `commits` (`message`, `files`: path → text or null,
    `author`: login); `force` with `start` (a sha) → `{"ref", "before", "after", "shas"}`.
    """
    repository = desk.repository
    branch = desk.get("branch", repository.default_branch)
    ref = f"refs/heads/{branch}"
    before = desk.git.ref(repository.id, ref) or ZERO_SHA
    commits = desk.get("commits") or [{} for _ in range(int(desk.get("count", 1)))]
    shas = _push(desk, branch, commits, start=desk.get("start"), force=bool(desk.get("force")))
    return {"ref": ref, "before": before, "after": shas[-1], "shas": shas}


def set_ref(desk: Desk) -> Json:
    """`repository`, `ref` (full name), `sha` (zeros delete); without `sha` the default head."""
    repository, sha = desk.repository, desk.commit
    move_ref(desk.store, desk.git, repository.id, desk.need("ref"), sha, sender_id=desk.sender.id)
    return {"ref": desk.need("ref"), "sha": sha}


def delete_ref(desk: Desk) -> Json:
    """`repository`, `ref` (full name)."""
    desk.body["sha"] = ZERO_SHA
    return set_ref(desk)


def create_tag(desk: Desk) -> Json:
    """`repository`, `tag`, `message`, `sha` (the default head; a tag object's makes a nested one),
    `signed` (no), `ref` (the tag's own name): an annotated tag, where one may be already.
    """
    repository, git, sha = desk.repository, desk.git, desk.commit
    sender, name = desk.sender, desk.need("tag")
    who = (sender.name or sender.login, email_of(desk.store, sender.id))
    made = annotate(
        git, repository.id, name, sha, desk.get("message", name), tagger=who,
        at=desk.store.clock.now(), signed=bool(desk.get("signed")),
    )  # fmt: skip
    ref = f"refs/tags/{desk.get('ref', name)}"
    move_ref(desk.store, git, repository.id, ref, made, sender_id=sender.id)
    return {"ref": ref, "sha": made}


def install(desk: Desk) -> Json:
    """`account` (login), `repositories` (left out: all) → the installation.

    Already installed there: answers with what is, and sends nothing.
    """
    owners = {one.owner_id for one in desk.store.repositories()}
    login = desk.get("account")
    if login is not None:
        account = desk.account(login)
    else:
        accounts = [one for one in desk.store.accounts() if one.id in owners]
        accounts.sort(key=lambda one: one.type != "Organization")
        if not accounts:
            raise Refused("nobody owns a repository here")
        account = accounts[0]
    app = desk.store.app()
    if app is None:
        raise Refused("there is no App")
    found = desk.store.installation_of(account.id)
    if found is None:
        named = desk.get("repositories")
        ids = None if named is None else [desk.find_repository(one).id for one in named]
        found = desk.store.install(account.id, repository_ids=ids, sender_id=desk.sender.id)
    return desk.shapes.installation(found, app)


def uninstall(desk: Desk) -> Json:
    """`installation_id` (left out: the only one)."""
    return {"id": desk.store.uninstall(desk.installation.id, sender_id=desk.sender.id).id}


def suspend(desk: Desk) -> Json:
    """`installation_id`."""
    return {"id": desk.store.suspend(desk.installation.id, sender_id=desk.sender.id).id}


def unsuspend(desk: Desk) -> Json:
    """`installation_id`."""
    return {"id": desk.store.unsuspend(desk.installation.id, sender_id=desk.sender.id).id}


def add_repositories(desk: Desk) -> Json:
    """`installation_id`, `repositories`."""
    ids = [desk.find_repository(one).id for one in desk.need("repositories")]
    desk.store.add_to_installation(desk.installation.id, ids, sender_id=desk.sender.id)
    return {"repository_ids": ids}


def remove_repositories(desk: Desk) -> Json:
    """`installation_id`, `repositories`; an installation on all becomes one on selected."""
    ids = [desk.find_repository(one).id for one in desk.need("repositories")]
    desk.store.remove_from_installation(desk.installation.id, ids, sender_id=desk.sender.id)
    return {"repository_ids": ids}


def create_account(desk: Desk) -> Json:
    """`login`, `type` (User; Bot, Organization, Mannequin), `name`, `email`."""
    made = desk.store.create_account(
        desk.need("login"),
        desk.get("type", "User"),
        name=desk.get("name"),
        email=desk.get("email"),
    )
    return desk.shapes.user(made)


def delete_account(desk: Desk) -> Json:
    """`login`: what it wrote becomes the ghost's."""
    account = desk.account(desk.need("login"))
    desk.store.delete_account(account.id)
    return {"id": account.id}


def rename_account(desk: Desk) -> Json:
    """`login`, `to`."""
    account = desk.account(desk.need("login"))
    return desk.shapes.user(desk.store.rename_account(account.id, desk.need("to")))


def create_token(desk: Desk) -> Json:
    """`login` → a personal token that sees everything."""
    account = desk.account(desk.get("login") or desk.sender.login)
    return {"token": desk.world.auth.create_personal_token(account).token}


def _push(
    desk: Desk,
    branch: str,
    commits: list[Json],
    *,
    start: str | None = None,
    force: bool = False,
) -> list[str]:
    sender = desk.sender
    made = []
    for one in commits:
        author = desk.account(one["author"]) if "author" in one else sender
        # Unique contents: two pushes in one second must not make the same commit.
        serial = desk.store.allocate("change")
        files = one.get("files") or {f"changes/{serial}.txt": f"{serial}\n"}
        made.append(
            NewCommit(
                one.get("message", f"Change {serial}"),
                {path: None if text is None else text.encode() for path, text in files.items()},
                (author.name or author.login, email_of(desk.store, author.id)),
                int(one.get("at", desk.store.clock.now())),
            )
        )
    return push_commits(
        desk.store,
        desk.git,
        desk.repository.id,
        branch,
        made,
        sender_id=sender.id,
        start=start,
        force=force,
    )


def _label_ids(desk: Desk, names: list[str]) -> list[int]:
    found = []
    for name in names:
        label = desk.store.label_by_name(desk.repository.id, name)
        if label is None:
            label = desk.store.create_label(desk.repository.id, name, sender_id=desk.sender.id)
        found.append(label.id)
    return found


def _issue(desk: Desk, issue: Issue) -> Json:
    repository = desk.store.repository(issue.repository_id)
    assert repository is not None
    pull = None if issue.pull_id is None else desk.store.pull_of(issue)
    return desk.shapes.issue(repository, issue, pull=pull)


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "accounts/create": create_account,
    "accounts/delete": delete_account,
    "accounts/rename": rename_account,
    "install": install,
    "installation/add": add_repositories,
    "installation/permissions": set_permissions,
    "installation/remove": remove_repositories,
    "issues/assign": assign_issue,
    "issues/close": close_issue,
    "issues/delete": delete_issue,
    "issues/edit": edit_issue,
    "issues/label": label_issue,
    "issues/lock": lock_issue,
    "issues/open": open_issue,
    "issues/reopen": reopen_issue,
    "issues/transfer": transfer_issue,
    "pulls/auto-merge": auto_merge,
    "pulls/close": close_issue,
    "pulls/draft": set_draft,
    "pulls/edit": edit_issue,
    "pulls/link": link,
    "pulls/merge": merge,
    "pulls/open": open_pull,
    "pulls/reopen": reopen_issue,
    "push": push,
    "refs/delete": delete_ref,
    "refs/set": set_ref,
    "tags/create": create_tag,
    "repositories/create": create_repository,
    "repositories/fork": fork_repository,
    "repositories/default-branch": set_default_branch,
    "repositories/ail": ail_repository,
    "repositories/block": block_repository,
    "repositories/delete": delete_repository,
    "repositories/edit": edit_repository,
    "repositories/transfer": transfer_repository,
    "suspend": suspend,
    "token": create_token,
    "uninstall": uninstall,
    "unsuspend": unsuspend,
}
