// How much of each kind there is in every repository, as Octokit finds it.

/** By REST, page after page; `size` is what a page holds. */
export async function byRest(octokit, size = 100) {
  const { apps, issues, pulls, repos } = octokit.rest;
  const found = {};
  const seen = await octokit.paginate(apps.listReposAccessibleToInstallation, { per_page: size });
  for (const { name, owner, full_name } of seen) {
    const here = { owner: owner.login, repo: name, per_page: size };
    const count = async (list, more = {}, unless = 0) => {
      try {
        return (await octokit.paginate(list, { ...here, ...more })).length;
      } catch (error) {
        if (error.status !== unless) throw error;
        return 0;
      }
    };
    const opened = await octokit.paginate(pulls.list, { ...here, state: "all" });
    let reviews = 0;
    for (const { number } of opened) {
      reviews += await count(pulls.listReviews, { pull_number: number });
    }
    const both = await count(issues.listForRepo, { state: "all" });
    found[full_name] = {
      commits: await count(repos.listCommits, {}, 409),
      branches: await count(repos.listBranches),
      tags: await count(repos.listTags),
      releases: await count(repos.listReleases),
      issues: both - opened.length,
      pulls: opened.length,
      comments: await count(issues.listCommentsForRepo),
      reviews,
      review_comments: await count(pulls.listReviewCommentsForRepo),
      labels: await count(issues.listLabelsForRepo),
      milestones: await count(issues.listMilestones, { state: "all" }),
    };
  }
  return found;
}

const REPOSITORIES = `query ($owner: String!, $cursor: String) {
  organization(login: $owner) {
    repositories(first: 3, after: $cursor) {
      nodes { nameWithOwner name }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;

const inside = (connection) => `query ($owner: String!, $name: String!, $cursor: String) {
  repository(owner: $owner, name: $name) { ${connection} }
}`;
const nodes = (fields) => `nodes { ${fields} } pageInfo { hasNextPage endCursor }`;
const refs = (prefix) => inside(`refs(refPrefix: "${prefix}", first: 50, after: $cursor) {
  ${nodes("name")}
}`);
const talk = nodes("number comments(first: 100) { totalCount nodes { fullDatabaseId } }");
const QUERIES = {
  branches: refs("refs/heads/"),
  tags: refs("refs/tags/"),
  issues: inside(`issues(first: 50, after: $cursor) { ${talk} }`),
  pulls: inside(`pullRequests(first: 50, after: $cursor) { ${talk} }`),
  labels: inside(`labels(first: 50, after: $cursor) { ${nodes("name")} }`),
  milestones: inside(`milestones(first: 50, after: $cursor) { ${nodes("title")} }`),
};
const HISTORY = inside(`defaultBranchRef { target { ... on Commit {
  history(first: 50, after: $cursor) { ${nodes("oid additions deletions")} }
} } }`);
const DEFAULT = `query ($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) { defaultBranchRef { name } }
}`;

/** By GraphQL, cursor after cursor. */
export async function byGraphql(octokit, owner) {
  const all = await octokit.graphql.paginate(REPOSITORIES, { owner });
  const found = {};
  for (const { name, nameWithOwner } of all.organization.repositories.nodes) {
    const here = { owner, name };
    const counts = { comments: 0 };
    for (const [kind, query] of Object.entries(QUERIES)) {
      const { repository } = await octokit.graphql.paginate(query, here);
      const list = Object.values(repository)[0].nodes;
      counts[kind] = list.length;
      for (const { comments } of list) counts.comments += comments?.nodes.length ?? 0;
    }
    const { repository } = await octokit.graphql(DEFAULT, here);
    counts.commits = 0;
    if (repository.defaultBranchRef) {
      const whole = await octokit.graphql.paginate(HISTORY, here);
      counts.commits = whole.repository.defaultBranchRef.target.history.nodes.length;
    }
    found[nameWithOwner] = counts;
  }
  return found;
}
