-- The whole state of a world but its git objects. Times are epoch seconds, lists are JSON.
CREATE TABLE IF NOT EXISTS sequences (kind TEXT PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    login TEXT NOT NULL COLLATE NOCASE UNIQUE,
    type TEXT NOT NULL,
    name TEXT,
    email TEXT,
    site_admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS emails (email TEXT PRIMARY KEY COLLATE NOCASE, account_id INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS apps (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    client_id TEXT NOT NULL UNIQUE,
    client_secret TEXT NOT NULL,
    public_key TEXT NOT NULL,
    owner_id INTEGER NOT NULL,
    bot_id INTEGER NOT NULL,
    permissions TEXT NOT NULL,
    events TEXT NOT NULL,
    hook_id INTEGER NOT NULL,
    hook_url TEXT,
    hook_secret TEXT,
    hook_content_type TEXT NOT NULL,
    hook_insecure_ssl TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS installations (
    id INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    repository_selection TEXT NOT NULL,
    permissions TEXT NOT NULL,
    events TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    suspended_at INTEGER,
    suspended_by_id INTEGER,
    deleted_at INTEGER
);
CREATE TABLE IF NOT EXISTS installation_repositories (
    installation_id INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (installation_id, repository_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    installation_id INTEGER,
    account_id INTEGER,
    permissions TEXT NOT NULL,
    repository_ids TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
);

CREATE TABLE IF NOT EXISTS repositories (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    description TEXT,
    homepage TEXT,
    language TEXT,
    topics TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    private INTEGER NOT NULL,
    fork INTEGER NOT NULL,
    parent_id INTEGER,
    archived INTEGER NOT NULL,
    has_issues INTEGER NOT NULL,
    size INTEGER NOT NULL,
    stargazers INTEGER NOT NULL,
    forks INTEGER NOT NULL,
    open_issues INTEGER NOT NULL,
    next_number INTEGER NOT NULL,
    next_milestone INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    pushed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    license TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS repository_name
    ON repositories (owner_id, name) WHERE deleted_at IS NULL;
CREATE TABLE IF NOT EXISTS old_names (
    full_name TEXT PRIMARY KEY COLLATE NOCASE,
    repository_id INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS issues (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    pull_id INTEGER,
    title TEXT NOT NULL,
    body TEXT,
    state TEXT NOT NULL,
    state_reason TEXT,
    locked INTEGER NOT NULL,
    lock_reason TEXT,
    author_id INTEGER,
    association TEXT NOT NULL,
    label_ids TEXT NOT NULL,
    assignee_ids TEXT NOT NULL,
    milestone_id INTEGER,
    comments INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    closed_at INTEGER,
    closed_by_id INTEGER,
    UNIQUE (repository_id, number)
);
CREATE INDEX IF NOT EXISTS issue_created ON issues (repository_id, created_at, id);
CREATE INDEX IF NOT EXISTS issue_updated ON issues (repository_id, updated_at, id);
CREATE INDEX IF NOT EXISTS issue_kind ON issues (repository_id, pull_id, state);
CREATE INDEX IF NOT EXISTS issue_milestone ON issues (milestone_id, state)
    WHERE milestone_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS gone_issues (
    repository_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    moved_to_id INTEGER,
    PRIMARY KEY (repository_id, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS pulls (
    id INTEGER PRIMARY KEY,
    issue_id INTEGER NOT NULL UNIQUE,
    draft INTEGER NOT NULL,
    base_ref TEXT NOT NULL,
    base_sha TEXT NOT NULL,
    head_ref TEXT NOT NULL,
    head_sha TEXT NOT NULL,
    head_repository_id INTEGER,
    additions INTEGER NOT NULL,
    deletions INTEGER NOT NULL,
    changed_files INTEGER NOT NULL,
    commits INTEGER NOT NULL,
    merged_at INTEGER,
    merged_by_id INTEGER,
    merge_commit_sha TEXT,
    auto_merge_at INTEGER,
    auto_merge_by_id INTEGER,
    auto_merge_method TEXT
);
CREATE INDEX IF NOT EXISTS pull_head ON pulls (head_repository_id, head_ref);

CREATE TABLE IF NOT EXISTS comments (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    issue_id INTEGER NOT NULL,
    author_id INTEGER,
    association TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS comment_issue ON comments (issue_id, id);
CREATE INDEX IF NOT EXISTS comment_updated ON comments (repository_id, updated_at, id);

CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    color TEXT NOT NULL,
    description TEXT,
    is_default INTEGER NOT NULL,
    created_at INTEGER,
    updated_at INTEGER,
    UNIQUE (repository_id, name)
);
CREATE TABLE IF NOT EXISTS milestones (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    state TEXT NOT NULL,
    creator_id INTEGER,
    due_on INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    closed_at INTEGER,
    UNIQUE (repository_id, number)
);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    guid TEXT NOT NULL,
    event TEXT NOT NULL,
    action TEXT,
    installation_id INTEGER,
    repository_id INTEGER,
    redelivery INTEGER NOT NULL,
    delivered_at REAL NOT NULL,
    duration REAL NOT NULL,
    status TEXT NOT NULL,
    status_code INTEGER NOT NULL,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    request_payload TEXT NOT NULL,
    response_headers TEXT NOT NULL,
    response_payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS delivery_time ON deliveries (delivered_at);

CREATE TABLE IF NOT EXISTS reviews (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    pull_id INTEGER NOT NULL,
    author_id INTEGER,
    association TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    commit_sha TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    submitted_at INTEGER
);
CREATE INDEX IF NOT EXISTS review_pull ON reviews (pull_id, id);
CREATE INDEX IF NOT EXISTS review_repository ON reviews (repository_id);
CREATE TABLE IF NOT EXISTS review_comments (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    pull_id INTEGER NOT NULL,
    review_id INTEGER NOT NULL,
    reply_to_id INTEGER,
    author_id INTEGER,
    association TEXT NOT NULL,
    body TEXT NOT NULL,
    path TEXT NOT NULL,
    diff_hunk TEXT NOT NULL,
    commit_sha TEXT NOT NULL,
    original_commit_sha TEXT NOT NULL,
    position INTEGER NOT NULL,
    line INTEGER,
    side TEXT NOT NULL,
    start_line INTEGER,
    start_side TEXT,
    subject_type TEXT NOT NULL,
    resolved_by_id INTEGER,
    now_position INTEGER,
    now_line INTEGER,
    now_start_line INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    thread_number INTEGER
);
CREATE INDEX IF NOT EXISTS review_comment_pull ON review_comments (pull_id, id);
CREATE INDEX IF NOT EXISTS review_comment_review ON review_comments (review_id, id);
CREATE INDEX IF NOT EXISTS review_comment_updated
    ON review_comments (repository_id, updated_at, id);
CREATE TABLE IF NOT EXISTS review_requests (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    pull_id INTEGER NOT NULL,
    account_id INTEGER,
    team_id INTEGER
);
CREATE INDEX IF NOT EXISTS review_request_pull ON review_requests (pull_id, id);

CREATE TABLE IF NOT EXISTS releases (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    target TEXT NOT NULL,
    name TEXT,
    body TEXT,
    draft INTEGER NOT NULL,
    prerelease INTEGER NOT NULL,
    author_id INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    published_at INTEGER
);
CREATE INDEX IF NOT EXISTS release_created ON releases (repository_id, created_at, id);
CREATE INDEX IF NOT EXISTS release_tag ON releases (repository_id, tag);
CREATE TABLE IF NOT EXISTS release_assets (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    release_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    label TEXT,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    digest TEXT,
    downloads INTEGER NOT NULL,
    uploader_id INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (release_id, name)
);

CREATE TABLE IF NOT EXISTS issue_events (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    issue_id INTEGER NOT NULL,
    actor_id INTEGER,
    event TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS issue_event_issue ON issue_events (issue_id, created_at, id);
CREATE INDEX IF NOT EXISTS issue_event_created ON issue_events (repository_id, created_at, id);
CREATE TABLE IF NOT EXISTS reactions (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    subject TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    account_id INTEGER,
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS reaction_subject ON reactions (subject, subject_id, content);
CREATE INDEX IF NOT EXISTS reaction_repository ON reactions (repository_id);
-- Issues that somebody linked to a pull request by hand.
CREATE TABLE IF NOT EXISTS closing_links (
    pull_issue_id INTEGER NOT NULL,
    issue_id INTEGER NOT NULL,
    PRIMARY KEY (pull_issue_id, issue_id)
) WITHOUT ROWID;

-- The place of each part of an issue, and which issue waits for which.
CREATE TABLE IF NOT EXISTS sub_issues (
    sub_id INTEGER PRIMARY KEY,
    parent_id INTEGER NOT NULL,
    position INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS sub_issue_parent ON sub_issues (parent_id, position);
CREATE TABLE IF NOT EXISTS issue_dependencies (
    blocked_id INTEGER NOT NULL,
    blocking_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (blocked_id, blocking_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS issue_dependency_blocking ON issue_dependencies (blocking_id);

CREATE TABLE IF NOT EXISTS members (
    organization_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    public INTEGER NOT NULL,
    PRIMARY KEY (organization_id, account_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS teams (
    id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT,
    privacy TEXT NOT NULL,
    parent_id INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (organization_id, slug)
);
CREATE TABLE IF NOT EXISTS team_members (
    team_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (team_id, account_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS team_repositories (
    team_id INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (team_id, repository_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS collaborators (
    repository_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (repository_id, account_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stars (
    repository_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    starred_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, account_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS star_time ON stars (repository_id, starred_at, account_id);
CREATE TABLE IF NOT EXISTS watchers (
    repository_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    PRIMARY KEY (repository_id, account_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commit_comments (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    commit_sha TEXT NOT NULL,
    author_id INTEGER,
    association TEXT NOT NULL,
    body TEXT NOT NULL,
    path TEXT,
    position INTEGER,
    line INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS commit_comment_sha ON commit_comments (repository_id, commit_sha, id);

CREATE TABLE IF NOT EXISTS activity (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    actor_id INTEGER,
    at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS activity_of ON activity (repository_id, id);
