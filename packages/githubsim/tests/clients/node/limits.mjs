// Run into each limit and say what the throttling plugin was told, and that it then went on.
import { client, control, given, tell } from "./client.mjs";

const told = [];
let lift = async () => {};
const handler = (kind) => async (after, options) => {
  told.push({ kind, after, url: options.url });
  await lift();
  return true;
};
const octokit = client({
  handlers: { onRateLimit: handler("primary"), onSecondaryRateLimit: handler("secondary") },
  auth: { auth: given.token },
});

const steps = {
  rest: () => octokit.rest.meta.get(),
  graphql: () => octokit.graphql("{ rateLimit { remaining } }"),
};
const statuses = {};
for (const [name, ask] of Object.entries(steps)) {
  const resource = name === "rest" ? "core" : "graphql";
  await ask(); // opens the hour
  lift = () => control("quota", { resource, remaining: 100 });
  await control("quota", { resource, remaining: 0 });
  await ask();
  lift = () => control("limits", { concurrent: 100 });
  await control("limits", { concurrent: 0, retry_after: 1 });
  await ask();
  statuses[name] = "went on";
}
tell({ told, statuses });
