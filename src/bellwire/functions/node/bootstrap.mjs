// The runtime of Node.js functions: loads the handler, then asks the Runtime API for one event
// after the other. Started by the node with the service's folder as its only argument.
// docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html

import { Client } from "./client.mjs";
import { install as installConsole, logError, setRequestId } from "./console.mjs";
import { describe, UnhandledPromiseRejection } from "./errors.mjs";
import { Invocation } from "./invocation.mjs";
import { loadHandler } from "./loader.mjs";
import { install as installRedirect } from "./redirect.mjs";

const UNCAUGHT = 129;
const UNHANDLED = 128;

const folder = process.argv[2];
const client = new Client(process.env.AWS_LAMBDA_RUNTIME_API);
let isStarting = true;
let isDying = false;
let current = null;

async function die(status, error) {
  if (isDying) return;
  isDying = true;
  const requestId = current?.requestId;
  try {
    if (isStarting) {
      await client.failInit(describe(error));
    } else if (requestId !== undefined) {
      await client.fail(requestId, describe(error));
    }
  } finally {
    process.exit(status);
  }
}

function watch() {
  process.on("uncaughtException", (error) => {
    logError("Uncaught Exception", error);
    die(UNCAUGHT, error);
  });
  process.on("unhandledRejection", (reason, promise) => {
    const error = new UnhandledPromiseRejection(reason, promise);
    logError("Unhandled Promise Rejection", error);
    die(UNHANDLED, error);
  });
  process.on("beforeExit", () => current?.loopIsEmpty());
}

async function load() {
  try {
    return await loadHandler(folder, process.env._HANDLER);
  } catch (error) {
    logError("Uncaught Exception", error);
    return await die(UNCAUGHT, error);
  }
}

async function runOne(handler) {
  const turn = await client.next();
  setRequestId(turn.requestId);
  process.env._X_AMZN_TRACE_ID = turn.traceId;
  current = new Invocation(turn);
  const outcome = await current.run(handler);
  if (outcome.document === undefined) {
    logError("Invoke Error", outcome.error);
    await client.fail(turn.requestId, describe(outcome.error));
  } else {
    await client.respond(turn.requestId, outcome.document);
  }
  current = null;
}

async function serve() {
  const handler = await load();
  isStarting = false;
  for (;;) {
    await runOne(handler);
  }
}

installConsole();
watch();
installRedirect({
  httpUrl: process.env.BELLWIRE_HTTP_URL,
  stage: process.env.BELLWIRE_STAGE,
  token: process.env.BELLWIRE_TOKEN,
});
serve().catch((error) => {
  // The Runtime API is gone, and the node with it: nobody is left to be told.
  process.stderr.write(`[bellwire] the node does not answer: ${error.message}\n`);
  process.exit(1);
});
