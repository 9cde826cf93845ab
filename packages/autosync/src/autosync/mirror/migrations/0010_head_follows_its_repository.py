"""A pull request's `head_repository` follows the name of the repository it comes from.

A rename touches no `updated_at` of a pull request; a payload written before the rename may be
applied after it. With the id at hand the database writes the name, also that of a fork which is
in the mirror itself.
"""

from django.db import migrations, models

# `__ITS__`: which pull requests come from the repository.
RENAMED = """
CREATE OR REPLACE FUNCTION autosync_repository_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE issues SET html_url = NEW.html_url || '/issues/' || number
        WHERE repository_id = NEW.github_id;
    UPDATE pull_requests SET html_url = NEW.html_url || '/pull/' || number
        WHERE repository_id = NEW.github_id;
    UPDATE pull_requests SET head_repository = NEW.full_name
        WHERE __ITS__;
    RETURN NULL;
END $$;
"""

FORWARD = """
UPDATE pull_requests SET head_repository_id = head.github_id FROM repositories head
    WHERE head.full_name = head_repository AND (removed_at IS NULL OR head.github_id = repository_id);

CREATE FUNCTION autosync_name_of_head() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
    SELECT full_name INTO name FROM repositories
        WHERE github_id = NEW.head_repository_id AND removed_at IS NULL;
    IF name <> '' THEN
        NEW.head_repository := name;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER name_of_head BEFORE INSERT OR UPDATE OF head_repository, head_repository_id
    ON pull_requests FOR EACH ROW EXECUTE FUNCTION autosync_name_of_head();
"""

BACKWARD = """
DROP TRIGGER name_of_head ON pull_requests;
DROP FUNCTION autosync_name_of_head();
"""


class Migration(migrations.Migration):
    dependencies = [("mirror", "0009_repositories_count")]
    operations = [
        migrations.AddField(
            model_name="pullrequest",
            name="head_repository_id",
            field=models.BigIntegerField(
                blank=True, help_text="null once the fork is gone", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="pullrequest",
            index=models.Index(fields=["head_repository_id"], name="pull_request_by_head"),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunSQL(
            RENAMED.replace("__ITS__", "head_repository_id = NEW.github_id"),
            RENAMED.replace(
                "__ITS__", "repository_id = NEW.github_id AND head_repository = OLD.full_name"
            ),
        ),
    ]
