// `console` as on Lambda: a message has time, level and request id, between tabs or as JSON.
// docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html

import { format } from "node:util";

import { describe, formatError, listError } from "./errors.mjs";

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const METHODS = {
  trace: "TRACE",
  debug: "DEBUG",
  log: "INFO",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
  fatal: "FATAL",
};
const { env } = process;
const isJson = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
const lowest = Math.max(0, LEVELS.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
const { stringify } = JSON; // as it is now: a handler may replace it

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
  for (const [name, level] of Object.entries(METHODS)) {
    console[name] = isLogged(level) ? (...parts) => log(level, parts) : () => {};
  }
}

// Report what ended an invocation or an init.
export function logError(what, error) {
  if (!isLogged("ERROR")) {
    return;
  }
  if (isJson) {
    try {
      log("ERROR", [error instanceof Error ? error : new Error(error)]);
    } catch {
      log("ERROR", [describe(error)]); // a symbol, say, or an error with a getter that throws
    }
  } else {
    writeText("ERROR", `${what} ${formatError(error)}`);
  }
}

function isLogged(level) {
  return LEVELS.indexOf(level) >= lowest;
}

function log(level, parts) {
  if (isJson) {
    writeMessage(formatJson({ timestamp: now(), level, requestId }, parts));
  } else {
    writeText(level, format(...parts));
  }
}

function writeText(level, text) {
  writeMessage(`${now()}\t${requestId}\t${level}\t${text}`);
}

// The lines of a message are divided by carriage returns: it stays one entry of the log.
function writeMessage(text) {
  write(`${text.replaceAll("\r\n", "\n").replaceAll("\n", "\r")}\n`);
}

// A single value stays what it is; several become a text, and the first error among them is told.
function formatJson(entry, parts) {
  if (parts.length > 1) {
    const error = parts.find((part, index) => index > 0 && part instanceof Error);
    return stringify({ ...entry, message: format(...parts), ...(error && listError(error)) });
  }
  try {
    const replace = (_, value) =>
      value instanceof Error ? { ...listError(value), ...value } : value;
    return stringify({ ...entry, message: parts[0] }, replace);
  } catch {
    return stringify({ ...entry, message: format(...parts) }); // it leads back to itself, say
  }
}

function now() {
  return new Date().toISOString();
}
