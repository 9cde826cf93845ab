"""The findings of an audit: what differed, what was repaired, and what may have caused it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from autosync.mirror.models import Audit, AuditFinding, Delivery, GitHubAppInstallation, Repository
from autosync.sync.audit.difference import Difference

logger = logging.getLogger(__name__)
Kind = AuditFinding.Kind
# The deliveries among which the cause of a difference is looked for.
_DELIVERIES = 500


def record(audit: Audit, repository: Repository, found: Sequence[Difference]) -> list[AuditFinding]:
    """Before the repair: a worker killed in its midst leaves word of what differed."""
    if not found:
        return []
    logger.warning("%s differed from GitHub in %d objects", repository, len(found))
    bodies = _recent(Delivery.objects.filter(repository_id=repository.pk))
    return _record(audit, found, bodies, repository=repository)


def record_of_account(
    audit: Audit, installation: GitHubAppInstallation, found: Sequence[Difference]
) -> list[AuditFinding]:
    """The same of what belongs to the installation's account."""
    if not found:
        return []
    logger.warning("%s differed from GitHub in %d objects", installation, len(found))
    deliveries = Delivery.objects.filter(installation_id=installation.pk)
    bodies = _recent(deliveries.filter(repository_id__isnull=True))
    return _record(audit, found, bodies, account_id=installation.account_id)


def _record(
    audit: Audit,
    found: Sequence[Difference],
    bodies: Sequence[tuple[str, bytes]],
    **of: Any,
) -> list[AuditFinding]:
    findings = []
    for one in found:
        kind, cause = _cause(one, bodies)
        findings.append(
            AuditFinding(
                audit=audit,
                **of,
                resource=one.resource,
                object_key=one.key[:255],
                problem=one.problem,
                kind=kind,
                cause=cause,
            )
        )
    return AuditFinding.objects.bulk_create(findings)


def record_repairs(findings: Sequence[AuditFinding], found: Sequence[Difference]) -> None:
    for finding, one in zip(findings, found, strict=True):
        finding.repaired = one.repaired
    AuditFinding.objects.bulk_update(findings, ["repaired"], batch_size=1000)


def _recent(deliveries: QuerySet[Delivery]) -> list[tuple[str, bytes]]:
    rows = deliveries.order_by("-id").values_list("status", "body")
    return [(status, bytes(body)) for status, body in rows[:_DELIVERIES]]


def _cause(one: Difference, deliveries: Sequence[tuple[str, bytes]]) -> tuple[Kind, str]:
    """What the inbox knows of the object, in a word and in words; a guess, said as one."""
    mark = (one.node_id or one.key).encode()
    fates = [status for status, body in deliveries if mark in body]
    if not fates:
        return Kind.LOST, "no delivery about it is in the inbox: lost, or older than the inbox"
    if Delivery.Status.PARKED in fates:
        return Kind.LATE, "a delivery about it is parked"
    if Delivery.Status.PENDING in fates:
        return Kind.LATE, "a delivery about it is waiting"
    return Kind.BUG, "deliveries about it were applied: a later one was lost, or there is a bug"
