"""The URL of an issue or pull request follows its repository's name.

A rename changes these URLs on GitHub and touches no `updated_at`; a payload written before the
rename may be applied after it. So the database itself writes them, whoever brings the row.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION autosync_url_of_number() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE home text;
BEGIN
    SELECT html_url INTO home FROM repositories WHERE github_id = NEW.repository_id;
    IF home <> '' THEN
        NEW.html_url := home || TG_ARGV[0] || NEW.number;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER url_of_number BEFORE INSERT OR UPDATE OF html_url, number, repository_id ON issues
    FOR EACH ROW EXECUTE FUNCTION autosync_url_of_number('/issues/');
CREATE TRIGGER url_of_number BEFORE INSERT OR UPDATE OF html_url, number, repository_id
    ON pull_requests FOR EACH ROW EXECUTE FUNCTION autosync_url_of_number('/pull/');

CREATE FUNCTION autosync_repository_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE issues SET html_url = NEW.html_url || '/issues/' || number
        WHERE repository_id = NEW.github_id;
    UPDATE pull_requests SET html_url = NEW.html_url || '/pull/' || number
        WHERE repository_id = NEW.github_id;
    UPDATE pull_requests SET head_repository = NEW.full_name
        WHERE repository_id = NEW.github_id AND head_repository = OLD.full_name;
    RETURN NULL;
END $$;

CREATE TRIGGER repository_renamed AFTER UPDATE OF html_url ON repositories FOR EACH ROW
    WHEN (OLD.html_url <> NEW.html_url AND NEW.html_url <> '')
    EXECUTE FUNCTION autosync_repository_renamed();
"""

BACKWARD = """
DROP TRIGGER repository_renamed ON repositories;
DROP FUNCTION autosync_repository_renamed();
DROP TRIGGER url_of_number ON issues;
DROP TRIGGER url_of_number ON pull_requests;
DROP FUNCTION autosync_url_of_number();
"""


class Migration(migrations.Migration):
    dependencies = [("mirror", "0002_recover_and_audit")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
