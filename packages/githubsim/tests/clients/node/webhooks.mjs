// A receiver that verifies deliveries as GitHub's own library does. It says where it listens;
// when stdin ends it says what came.
import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";

const webhooks = new Webhooks({ secret: process.env.SECRET });
const came = [];
webhooks.onAny(({ id, name, payload }) => {
  came.push({ id, name: payload.action ? `${name}.${payload.action}` : name });
});
const log = { debug() {}, info() {}, warn() {}, error() {} };
const server = createServer(createNodeMiddleware(webhooks, { path: "/hooks", log }));
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/hooks` }));
});
process.stdin.resume().on("end", () => {
  console.log(JSON.stringify(came));
  process.exit();
});
