// `console` as on Lambda: each message is a line with time, request id and level.
// docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html

import { format } from "node:util";

import { formatError } from "./errors.mjs";

const LEVELS = {
  trace: "TRACE",
  debug: "DEBUG",
  log: "INFO",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
};
// Written when it is said: else lines would wait here, and come under the next invocation's id.
for (const stream of [process.stdout, process.stderr]) {
  stream._handle?.setBlocking?.(true);
  stream.on("error", () => {}); // a handler may have closed it
}
const write = process.stdout.write.bind(process.stdout); // a handler may replace it
let requestId;

// Have messages carry the id of an invocation; before the first they carry `undefined`.
export function setRequestId(value) {
  requestId = value;
}

export function install() {
  for (const [name, level] of Object.entries(LEVELS)) {
    console[name] = (...parts) => writeLine(level, format(...parts));
  }
}

// Report what ended an invocation or an init.
export function logError(what, error) {
  writeLine("ERROR", `${what} ${formatError(error)}`);
}

function writeLine(level, message) {
  write(`${new Date().toISOString()}\t${requestId}\t${level}\t${message}\n`);
}
