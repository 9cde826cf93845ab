"""What protects the mirror, how each guard is broken here, and the tests that must then fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """`old` stands once in `file`; with `new` in its place at least one of `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


UPSERT = "src/autosync/mirror/upsert.py"
STATEMENT = "src/autosync/mirror/statement.py"
REFETCH = "src/autosync/sync/refetch.py"
ANSWER = "src/autosync/sync/answer.py"
DOUBT = "src/autosync/mirror/doubt.py"
COMMITS = "src/autosync/sync/commits.py"
NEWS = "src/autosync/sync/news.py"
BY_DAY = "src/autosync/mirror/migrations/0005_inbox_by_day.py"
DAYS = "tests/integration/test_inbox_days.py"
GUARDS = (
    Guard(
        "an older version never replaces a newer one",
        STATEMENT,
        'self.newer = "old.updated_at IS NULL OR EXCLUDED.updated_at > old.updated_at"',
        'self.newer = "true"',
        "tests/integration/test_upsert.py tests/integration/test_interleavings.py",
    ),
    Guard(
        "two versions of one second are settled by asking",
        STATEMENT,
        'WHEN {self._tie()} THEN %(now)s "',
        'WHEN false THEN %(now)s "',
        "tests/integration/test_upsert.py tests/integration/test_interleavings.py",
    ),
    Guard(
        "a tombstone stays, whatever arrives late",
        STATEMENT,
        'allowed = "old.deleted_at IS NULL AND "',
        'allowed = ""',
        "tests/integration/test_upsert.py tests/integration/test_interleavings.py",
    ),
    Guard(
        "an answer requested before the deletion does not lift the tombstone",
        STATEMENT,
        'return f"{_KNOWS} > old.deleted_at"',
        'return "old.deleted_at IS NOT NULL"',
        "tests/integration/test_interleavings.py",
    ),
    Guard(
        "an answer older than the newest version does not settle a tie",
        STATEMENT,
        'f"WHEN {self._tie()} AND old.observed_at > {_KNOWS} THEN %(now)s END"',
        '"END"',
        "tests/integration/test_upsert.py",
    ),
    Guard(
        "a delivery that kills its worker each time is parked",
        "src/autosync/sync/apply.py",
        "parked = waiting.attempts >= MAX_ATTEMPTS",
        "parked = False",
        "tests/acceptance/test_kill_points.py -k parked",
    ),
    Guard(
        "a delivery is applied once",
        "src/autosync/sync/apply.py",
        "status = 'pending' AND next_attempt_at <= %s",
        "next_attempt_at <= %s + interval '1 day'",
        "tests/integration/test_apply.py --timeout=30",
    ),
    Guard(
        "a bad delivery does not hold up the others",
        "src/autosync/sync/apply.py",
        "        for delivery in deliveries:\n            if delivery.pk",
        "        for delivery in deliveries[:1]:\n            if delivery.pk",
        "tests/integration/test_apply.py --timeout=30",
    ),
    Guard(
        "a GUID is stored once",
        "src/autosync/mirror/store_deliveries.sql",
        "ON CONFLICT (guid) DO NOTHING",
        "ON CONFLICT (guid) DO UPDATE SET received_at = now()",
        f"{DAYS} tests/integration/test_receiver.py",
    ),
    Guard(
        "nothing gets into the inbox past its GUID",
        BY_DAY,
        "INCLUDING DEFAULTS) PARTITION BY RANGE (received_at);",
        "INCLUDING DEFAULTS) PARTITION BY RANGE (received_at); "
        "ALTER TABLE inbox ALTER id SET DEFAULT 1;",
        DAYS,
    ),
    Guard(
        "no delivery is refused because a partition is missing",
        BY_DAY,
        "CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;",
        "CREATE TABLE inbox_default PARTITION OF inbox FOR VALUES FROM ('1900-01-01') "
        "TO ('1900-01-02');",
        DAYS,
    ),
    Guard(
        "what waits or is parked outlives its day",
        "src/autosync/mirror/partitions.py",
        "\"WHERE status IN ('pending', 'parked')\"",
        '"WHERE false"',
        DAYS,
    ),
    Guard(
        "a GUID is remembered longer than GitHub can send it again",
        "src/autosync/sync/retention.py",
        "min(before, now - KEPT - timedelta(days=1))",
        "before",
        DAYS,
    ),
    Guard(
        "a GUID is remembered as long as its delivery is there",
        "src/autosync/mirror/partitions.py",
        "        AND received_at < %(before)s)",
        "        AND false)",
        DAYS,
    ),
    Guard(
        "acknowledged only after the commit",
        "src/autosync/receiver/inbox.py",
        "                return await done\n",
        "                return True\n",
        "tests/integration/test_receiver_durability.py",
    ),
    Guard(
        "the signature is checked",
        "src/autosync/receiver/verify.py",
        "hmac.compare_digest(",
        "(lambda *_: True)(",
        "tests/unit/test_receiver_verify.py tests/integration/test_receiver.py",
    ),
    Guard(
        "an import's cursor is committed with its page",
        "src/autosync/sync/listing.py",
        "cursor.cursor = batch.following",
        'cursor.cursor = ""',
        "tests/integration/test_backfill.py",
    ),
    Guard(
        "work that already waits is asked for again after the commit",
        "src/autosync/sync/queue.py",
        "transaction.on_commit(enqueue)",
        "pass",
        "tests/integration/test_hand_over.py",
    ),
    Guard(
        "what applied deliveries ask for is asked for again after the commit",
        "src/autosync/sync/queue.py",
        "transaction.on_commit(those_that_began)",
        "pass",
        "tests/integration/test_hand_over.py",
    ),
    Guard(
        "lost deliveries are found by GUID",
        "src/autosync/sync/recover.py",
        "if guid not in here}",
        'if item["status_code"] >= 400 and guid not in here}',
        "tests/acceptance/test_recover.py",
    ),
    Guard(
        "URLs follow the repository's name",
        "src/autosync/mirror/migrations/0003_urls_follow_names.py",
        "NEW.html_url := home || TG_ARGV[0] || NEW.number;",
        "NULL;",
        "tests/integration/test_upsert.py",
    ),
    Guard(
        "a repository is synced at once after an absence",
        "src/autosync/sync/followups.py",
        ".filter(Q(imported_at__isnull=True) | Q(pk__in=gained))",
        ".filter(imported_at__isnull=True)",
        "tests/acceptance/test_absence.py -k leave_out",
    ),
    Guard(
        "deletions during an absence are looked for",
        "src/autosync/sync/reconcile.py",
        "            audit_soon(hidden)\n",
        "",
        "tests/acceptance/test_absence.py -k leave_out",
    ),
    Guard(
        "a new default branch marks other commits",
        COMMITS,
        'if default == stored["default"] and _same_refs(repository, remote):',
        "if _same_refs(repository, remote):",
        "tests/acceptance/test_recover.py",
    ),
    Guard(
        "a label that is renamed is renamed on its issues",
        "src/autosync/kinds/_discussed.py",
        '    "label": CarriedLabel("labels"),\n',
        "",
        "tests/integration/test_apply.py",
    ),
    Guard(
        "a migration is recorded in its own transaction",
        "src/autosync/management/commands/migrate.py",
        "transaction.atomic(self.connection.alias) if migration.atomic else nullcontext()",
        "nullcontext()",
        "tests/acceptance/test_kill_points.py -k migrate",
    ),
    Guard(
        "a list with another count is read, however old its newest object",
        NEWS,
        "if not counted or changed_since(list_there, list_here):",
        "if changed_since(list_there, list_here):",
        "tests/unit/test_news.py",
    ),
    Guard(
        "a change in the second of the watermark is read",
        NEWS,
        "return there.newest >= here.watermark",
        "return there.newest > here.watermark",
        "tests/unit/test_news.py",
    ),
    Guard(
        "a list that was not read to its end is read again",
        "src/autosync/sync/standing.py",
        "AND c.state = %(complete)s AND c.backfilled_at IS NOT NULL)",
        ")",
        "tests/integration/test_news.py",
    ),
    Guard(
        "a repository out of sight is in doubt",
        NEWS,
        "        list_soon(news.hidden)\n",
        "",
        "tests/integration/test_news.py",
    ),
    Guard(
        "a job is not closed before all is planned",
        "src/autosync/sync/jobs.py",
        'if not count["left"] and job.details.get("planned"):',
        'if not count["left"]:',
        "tests/integration/test_hand_over.py",
    ),
    Guard(
        "contributors are counted after the commits they are counted from",
        COMMITS,
        '            count_contributors_later(repository)\n            reached("git: refs stored',
        '            reached("git: refs stored',
        "tests/integration/test_contributors.py",
    ),
    Guard(
        "a default branch that was half marked is marked again",
        COMMITS,
        'default if default == stored["default"] else None',
        'stored["default"]',
        "tests/acceptance/test_kill_points.py -k forth",
    ),
    Guard(
        "commits of a push that was interrupted and reverted are marked as orphans",
        COMMITS,
        '[*stored["heads"], *stored["begun"]]',
        'stored["heads"]',
        "tests/acceptance/test_kill_points.py -k commits",
    ),
    Guard(
        "a label with another's name and colour is not mistaken for it",
        "src/autosync/sync/audit/names.py",
        "AND t.node_id = coalesce(nullif(l.node_id, ''), t.node_id)",
        "",
        "tests/integration/test_names.py",
    ),
    Guard(
        "a milestone with another's title is not mistaken for it",
        "src/autosync/sync/audit/names.py",
        "AND t.number = coalesce(milestone_number, t.number)",
        "",
        "tests/integration/test_names.py",
    ),
    Guard(
        "a late event does not restore a label's old name",
        "src/autosync/sync/changes.py",
        "marked |= mark_renamed(merge, older)",
        "pass",
        "tests/integration/test_interleavings.py",
    ),
    Guard(
        "a lagging answer does not restore a label's old name",
        ANSWER,
        "mark_renamed(merge, result.changed, asked_at)",
        "pass",
        "tests/integration/test_interleavings.py",
    ),
    Guard(
        "an answer that may lag clears no mark",
        ANSWER,
        "dirty_at__lte=asked_at - LAG",
        "dirty_at__lte=asked_at",
        "tests/integration/test_interleavings.py",
    ),
    Guard(
        "an answer that may lag settles no tie",
        UPSERT,
        '"lag": lag, ',
        '"lag": timedelta(0), ',
        "tests/integration/test_interleavings.py",
    ),
    Guard(
        "a half purged repository that returns is imported again",
        "src/autosync/sync/purge.py",
        "count += ResourceCursor.objects.filter(repository_id=repository_id).delete()[0]",
        "pass",
        "tests/integration/test_purge.py",
    ),
    Guard(
        "a hung worker is fenced off before its job is given away",
        "src/autosync/sync/stalled.py",
        "            end_holders(_PURPOSE, job_id)\n",
        "",
        "tests/acceptance/test_two_workers.py -k by_no_two",
    ),
    Guard(
        "a repository out of sight keeps its rows",
        REFETCH,
        "homes.keys() - visible, asked_at",
        "set(), asked_at",
        "tests/integration/test_backfill.py",
    ),
    Guard(
        "a lagging answer deletes nothing that was just seen",
        DOUBT,
        "observed_at__gte=asked_at - LAG",
        "observed_at__gte=asked_at",
        "tests/integration/test_backfill.py",
    ),
    Guard(
        "a lagging list deletes nothing that was just seen",
        "src/autosync/sync/listing.py",
        "rows.filter(pk__in=absent - late)",
        "rows.filter(pk__in=absent)",
        "tests/integration/test_backfill.py",
    ),
    Guard(
        "requests under way are subtracted from what remains",
        "src/autosync/mirror/quota.py",
        "decide(_state(row, under_way.count(resource)), priority, now)",
        "decide(_state(row), priority, now)",
        "tests/integration/test_quota.py",
    ),
    Guard(
        "a token waits for nobody's reserve",
        "src/autosync/github/client.py",
        "AppClient(credentials, budget, Priority.LIVE)",
        "AppClient(credentials, budget, priority)",
        "tests/integration/test_quota.py",
    ),
    Guard(
        "a repository that nobody imports is imported",
        "src/autosync/sync/sweep.py",
        "    _repositories_in_doubt()\n    _repositories_nobody_imports()",
        "    _repositories_in_doubt()",
        "tests/integration/test_hand_over.py",
    ),
    Guard(
        "what an audit is the first to list is imported",
        "src/autosync/sync/audit/auditor.py",
        "sync_gained(self.installation.pk, gained)",
        "del gained",
        "tests/integration/test_refused.py",
    ),
    Guard(
        "a lost database fails nothing, whoever notices it",
        "src/autosync/database.py",
        "seen = seen.__cause__ or",
        "seen = None and",
        "tests/integration/test_lost_database.py",
    ),
    Guard(
        "a late event does not leave a repository that is gone",
        "src/autosync/sync/apply.py",
        "changes.patches.append(Patch(REPOSITORY, [repository.id], doubt))",
        "del doubt",
        "tests/integration/test_apply.py",
    ),
    Guard(
        "a late event does not return a repository to its former installation",
        "src/autosync/kinds/repository.py",
        'listed=frozenset({"installation_id"})',
        "listed=frozenset()",
        "tests/integration/test_apply.py",
    ),
    Guard(
        "a late event does not leave an issue that is gone",
        DOUBT,
        "rows.filter(late | looked_since,",
        "rows.none().filter(late | looked_since,",
        "tests/integration/test_apply.py",
    ),
    Guard(
        "a pull request's head follows its repository's name",
        "src/autosync/mirror/migrations/0010_head_follows_its_repository.py",
        "NEW.head_repository := name;",
        "NULL;",
        "tests/integration/test_upsert.py",
    ),
    Guard(
        "git data of another repository is not stored",
        "src/autosync/sync/identity.py",
        "    return repository.full_name == known\n",
        "    return True\n",
        "tests/integration/test_identity.py",
    ),
    Guard(
        "git sends no token to another address",
        "src/autosync/github/git_process.py",
        '("http.followRedirects", "false")',
        '("http.followRedirects", "true")',
        "tests/integration/test_identity.py",
    ),
    Guard(
        "the address of git is built, not taken from a payload",
        "src/autosync/connect.py",
        "        clone_address(client.api_url, repository.full_name),\n",
        "        repository.clone_url,\n",
        "tests/integration/test_identity.py",
    ),
    Guard(
        "a git cache in use stays",
        "src/autosync/sync/git_caches.py",
        'with exclusive("git", repository_id, wait=False):',
        "if True:",
        "tests/integration/test_git_caches.py",
    ),
    Guard(
        "commits lost while the git cache was removed are marked as orphans",
        COMMITS,
        "if len(lost) < len(left):",
        "if False:",
        "tests/integration/test_git_caches.py",
    ),
    Guard(
        "an open sync job is kept, however old",
        "src/autosync/sync/housekeeping.py",
        "AND completed_at < %(history)s AS old",
        "OR created_at < %(history)s AS old",
        "tests/integration/test_housekeeping.py",
    ),
    Guard(
        "a mention in a text has the timeline of what it names read",
        "src/autosync/kinds/_rules.py",
        "numbers |= dict.fromkeys(found)",
        "pass",
        "tests/integration/test_timeline.py",
    ),
    Guard(
        "audits read a share of what comes unheard",
        "src/autosync/sync/audit/shares.py",
        "if nest.read.unheard and",
        "if False and",
        "tests/integration/test_timeline.py",
    ),
    Guard(
        "a page of a timeline is counted, not its total",
        "src/autosync/kinds/timeline_event.py",
        'count="pageCount"',
        'count="totalCount"',
        "tests/integration/test_timeline.py",
    ),
)
