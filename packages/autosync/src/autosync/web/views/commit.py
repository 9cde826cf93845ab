"""One commit: its message, people, parents, files, and what was said of it."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from autosync.models import Commit, CommitFile
from autosync.web import hanging, markdown, paging, reader, sight
from autosync.web.access import readable
from autosync.web.conversation import Conversation
from autosync.web.markdown import Place

# A message may be as long as git lets it be.
MESSAGE: Final = 50_000
TITLE: Final = 300
FILES: Final = 100  # of a page
_SHORTEST: Final = 7
_LONGEST: Final = 64


@require_safe
@readable
def commit(request: HttpRequest, repository_id: int, sha: str) -> HttpResponse:
    """`/repositories/<id>/commits/<sha>/?cursor=&page=`; the beginning of a name leads there."""
    repository = sight.repository(repository_id)
    place = Place.of(repository)
    rows = Commit.live.filter(repository=repository)
    sha = sha.lower()
    if not (_SHORTEST <= len(sha) <= _LONGEST and sha.isalnum() and sha.isascii()):
        raise Http404("That is no name of a commit.")
    row = rows.filter(sha=sha).first()
    if row is None:
        # Between two names, which the index knows: LIKE would read all of the repository's.
        meant = list(rows.filter(sha__gte=sha, sha__lt=f"{sha}g").order_by("sha")[:2])
        if len(meant) == 1:
            return redirect("commit-page", repository_id, meant[0].sha)
        return reader.missing(request, f"{place.address}/commit/{sha}")
    texts = reader.texts_of(request, place)
    title, _, rest = row.message.strip().partition("\n")
    message = row.message if len(title) > TITLE else rest.strip("\n")
    talk = Conversation(repository.pk, row.sha, hanging.of_commit(), texts)
    files = CommitFile.objects.filter(commit=row)
    page: paging.ListPage[Model] = paging.of(files, request, "position", FILES)
    known = Commit.live.filter(repository=repository, sha__in=row.parents)
    parents = set(known.values_list("sha", flat=True))
    context: dict[str, Any] = {
        "repository": repository,
        "row": row,
        "title": title[:TITLE],
        "message": markdown.plain(message[:MESSAGE], place),
        "cut": max(len(message) - MESSAGE, 0),
        "parents": [(one, one in parents) for one in row.parents],
        "page": page,
        "talk": talk.page(reader.asked_page(request, talk)),
        "texts": texts,
    }
    return reader.answer(request, "web/commit.html", context, texts)
