// The App's delivery log, page after page, newest first.
import { createAppAuth } from "@octokit/auth-app";
import { client, given, tell } from "./client.mjs";

const auth = { appId: given.app_id, privateKey: given.private_key };
const octokit = client({ auth: { authStrategy: createAppAuth, auth } });
tell(await octokit.paginate(octokit.rest.apps.listWebhookDeliveries, { per_page: 5 }));
