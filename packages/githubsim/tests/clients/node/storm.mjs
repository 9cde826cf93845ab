// Read the whole world while requests fail, and say how many did: the retry plugin asked again.
import { client, tell } from "./client.mjs";
import { byRest } from "./counts.mjs";

let failed = 0;
const counting = async (...request) => {
  const answer = await fetch(...request);
  if (answer.status === 502) failed += 1;
  return answer;
};
const octokit = client({
  retries: { retries: 12, retryAfterBaseValue: 5 },
  request: { fetch: counting },
});
tell({ rest: await byRest(octokit), failed });
