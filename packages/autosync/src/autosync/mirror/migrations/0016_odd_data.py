"""Long names and e-mail addresses, moments that Python cannot read, commits of another repository.

Names and addresses are indexed by a digest. Moments outside the years 1 to 9999, which a webhook
could store and no page could show, are clamped as `autosync.moments` does. Repositories with commits
that no ref reaches are audited: some of these may have been another repository's.
"""

from django.db import migrations, models
from django.db.models import F

from autosync.mirror.digest import Digest

CLAMP = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND data_type = 'timestamp with time zone'
        AND table_name IN ('installations', 'repositories', 'commits', 'refs', 'issues',
                           'pull_requests', 'contributors', 'resource_cursors')
    LOOP
        EXECUTE format(
            'UPDATE %1$I SET %2$I = least(greatest(%2$I, ''0001-01-02Z''), ''9999-12-30Z'') '
            'WHERE %2$I < ''0001-01-02Z'' OR %2$I > ''9999-12-30Z''', one.table_name, one.column_name);
    END LOOP;
END $$
"""

AUDIT = """
UPDATE repositories SET audit_due_at = now()
WHERE imported_at IS NOT NULL AND deleted_at IS NULL AND EXISTS (
    SELECT FROM commits WHERE repository_id = github_id AND orphaned_at IS NOT NULL)
"""


class Migration(migrations.Migration):
    dependencies = [("mirror", "0015_ask_again")]
    operations = [
        migrations.RemoveConstraint(model_name="ref", name="ref_identity"),
        migrations.AddConstraint(
            model_name="ref",
            constraint=models.UniqueConstraint(
                F("repository"), F("kind"), Digest(F("name")), name="ref_identity"
            ),
        ),
        migrations.RemoveConstraint(model_name="contributor", name="contributor_identity"),
        migrations.AddConstraint(
            model_name="contributor",
            constraint=models.UniqueConstraint(
                F("repository"), Digest(F("identity")), name="contributor_identity"
            ),
        ),
        migrations.RunSQL(CLAMP, migrations.RunSQL.noop),
        migrations.RunSQL(AUDIT, migrations.RunSQL.noop),
    ]
