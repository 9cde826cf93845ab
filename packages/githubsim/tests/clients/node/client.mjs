// Octokit as programs put it together: an App's installation, all pages, patience at limits.
import { text } from "node:stream/consumers";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit as Core } from "@octokit/core";
import { paginateGraphQL } from "@octokit/plugin-paginate-graphql";
import { paginateRest } from "@octokit/plugin-paginate-rest";
import { restEndpointMethods } from "@octokit/plugin-rest-endpoint-methods";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";

const Octokit = Core.plugin(restEndpointMethods, paginateRest, paginateGraphQL, throttling, retry);

export const given = JSON.parse(await text(process.stdin));

const never = () => false; // do not try again
// The plugin's own list, and 409: a repository stays empty however often one asks.
const FINAL = [400, 401, 403, 404, 409, 410, 422, 451];

/** A client; `handlers` are the throttling plugin's settings, `retries` the retry plugin's. */
export function client({ handlers = {}, retries = {}, request = {}, auth = installation() } = {}) {
  return new Octokit({
    ...auth,
    baseUrl: given.url,
    request,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    throttle: { onRateLimit: never, onSecondaryRateLimit: never, ...handlers },
    retry: { doNotRetry: FINAL, ...retries },
  });
}

/** The App, whose tokens Octokit makes and renews by itself. */
export function installation() {
  const { app_id, private_key, installation_id } = given;
  const auth = { appId: app_id, privateKey: private_key, installationId: installation_id };
  return { authStrategy: createAppAuth, auth };
}

/** Change what the simulator does, outside GitHub's paths. */
export async function control(path, body) {
  const answer = await fetch(`${given.control}/_sim/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

/** The one line that the test reads. */
export function tell(found) {
  console.log(JSON.stringify(found));
}
