// Read the whole world twice: by REST and by GraphQL.
import { client, given, tell } from "./client.mjs";
import { byGraphql, byRest } from "./counts.mjs";

// The throttling plugin lets only one GraphQL call a second through.
const hasty = client({ handlers: { enabled: false } });
tell({ rest: await byRest(client()), graphql: await byGraphql(hasty, given.owner) });
