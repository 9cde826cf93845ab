"""The URLs of what lies below a repository follow its name, as those of issues do (0003).

A rename changes the URLs of comments, reviews, milestones, releases and their files on GitHub and
touches no clock; a payload written before the rename may be applied after it.
"""

from django.db import migrations

# Table → its column; each URL has the repository's own in front.
BELOW = {
    "issue_comments": "html_url",
    "reviews": "html_url",
    "milestones": "html_url",
    "releases": "html_url",
    "release_assets": "browser_download_url",
}
_OLD_HOME = "'^https?://[^/]+/[^/]+/[^/]+'"


def _forward() -> str:
    triggers = "\n".join(
        f"""
CREATE FUNCTION autosync_{table}_url() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE home text;
BEGIN
    SELECT html_url INTO home FROM repositories WHERE github_id = NEW.repository_id;
    IF home <> '' AND NEW.{column} <> '' THEN
        NEW.{column} := regexp_replace(NEW.{column}, {_OLD_HOME}, home);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER url_below BEFORE INSERT OR UPDATE OF {column}, repository_id ON {table}
    FOR EACH ROW EXECUTE FUNCTION autosync_{table}_url();
"""
        for table, column in BELOW.items()
    )
    updates = "\n".join(
        f"    UPDATE {table} SET {column} = regexp_replace({column}, {_OLD_HOME}, NEW.html_url) "
        f"WHERE repository_id = NEW.github_id AND {column} <> '';"
        for table, column in BELOW.items()
    )
    return f"""{triggers}
CREATE FUNCTION autosync_renamed_below() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
{updates}
    RETURN NULL;
END $$;
CREATE TRIGGER repository_renamed_below AFTER UPDATE OF html_url ON repositories FOR EACH ROW
    WHEN (OLD.html_url <> NEW.html_url AND NEW.html_url <> '')
    EXECUTE FUNCTION autosync_renamed_below();
"""


def _backward() -> str:
    triggers = "\n".join(
        f"DROP TRIGGER url_below ON {table}; DROP FUNCTION autosync_{table}_url();"
        for table in BELOW
    )
    return (
        "DROP TRIGGER repository_renamed_below ON repositories; "
        f"DROP FUNCTION autosync_renamed_below(); {triggers}"
    )


class Migration(migrations.Migration):
    dependencies = [("mirror", "0024_reviews")]
    operations = [migrations.RunSQL(_forward(), _backward())]
