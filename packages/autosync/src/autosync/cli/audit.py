"""`autosync audit`: compare the mirror with GitHub, repair, and print the verdict."""

from __future__ import annotations

from typing import Annotated

import typer

from autosync.errors import AutoSyncError
from autosync.service.child import set_up_django


def audit(
    installation: Annotated[int | None, typer.Option(help="GitHub's installation id")] = None,
    repository: Annotated[str | None, typer.Option(help="GitHub's id or OWNER/NAME")] = None,
    deep: Annotated[
        bool,
        typer.Option(
            help="compare every object: a point per 100 objects, not per 100 repositories"
        ),
    ] = False,
    repair: Annotated[bool, typer.Option(help="repair what differs")] = True,
) -> None:
    """Compare the mirror with GitHub. Exit code 1 if something differs and was not repaired."""
    from rich.console import Console  # noqa: PLC0415 (start-up time)
    from rich.markup import escape  # noqa: PLC0415 (start-up time)
    from rich.table import Table  # noqa: PLC0415 (start-up time)

    set_up_django()
    from autosync.mirror.models import AuditFinding, GitHubAppInstallation, Repository  # noqa: PLC0415 (Django is not set up)
    from autosync.sync.audit import Auditor  # noqa: PLC0415 (Django is not set up)

    wanted: list[Repository] | None = None
    installations = GitHubAppInstallation.live.filter(suspended_at__isnull=True)
    if repository is not None:
        rows = Repository.visible()
        digits = repository.isdigit()
        rows = rows.filter(pk=int(repository)) if digits else rows.filter(full_name=repository)
        wanted = list(rows)
        if not wanted:
            raise AutoSyncError(
                f"The mirror has no repository {repository}. The dashboard lists those it has."
            )
        installations = installations.filter(pk=wanted[0].installation_id)
    if installation is not None:
        installations = installations.filter(pk=installation)
    if not installations:
        raise AutoSyncError(
            "There is no installation to audit: it is unknown, uninstalled or suspended."
        )
    done = [Auditor(one, deep=deep, repair=repair).run(wanted) for one in installations]

    console = Console()
    for record in done:
        console.print(
            f"{escape(str(record.installation))}: {record.equal} of {record.repositories} "
            f"repositories equal to GitHub, {record.found} objects differed, "
            f"{record.repaired} repaired; {_waited(record.waited)}{record.points} points of quota.",
            highlight=False,
        )
    findings = AuditFinding.objects.filter(audit__in=done).select_related(
        "repository", "audit__installation"
    )
    if findings:
        table = Table("repository", "kind", "object", "problem", "repaired", "cause", box=None)
        for one in findings[:200]:
            table.add_row(
                escape(one.repository.full_name if one.repository else str(one.audit.installation)),
                one.resource,
                escape(one.object_key),
                one.get_problem_display(),
                "yes" if one.repaired else "no",
                one.cause,
            )
        console.print(table)
    left = sum(record.found - record.repaired for record in done)
    raise typer.Exit(1 if left else 0)


def _waited(count: int) -> str:
    """Of what differs by design for a while."""
    return f"{count} of which no webhook tells had waited to be read; " if count else ""
