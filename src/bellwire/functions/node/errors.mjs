// The errors of the runtime itself, and error documents.
// docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html

import { types } from "node:util";

const { stringify } = JSON; // as it is now: a handler may replace it

class RuntimeError extends Error {
  get name() {
    return `Runtime.${this.constructor.name}`;
  }
}

export class ImportModuleError extends RuntimeError {}
export class HandlerNotFound extends RuntimeError {}
export class MalformedHandlerName extends RuntimeError {}
export class UserCodeSyntaxError extends RuntimeError {}

export class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super(typeof reason === "symbol" ? String(reason) : reason);
    this.reason = reason;
    this.promise = promise;
  }
}

// The document that the caller gets for anything thrown, be it an Error or not.
export function describe(error) {
  try {
    if (isError(error)) {
      const trace = String(error.stack).split("\n");
      return { errorType: String(error.name), errorMessage: String(error.message), trace };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or " +
        "more of its message, name, and stack",
    };
  }
}

// The text of an error in the log: a tab and its document, with the properties it was given.
export function formatError(error) {
  try {
    return `\t${stringify(error, (_, value) => withHidden(value))}`;
  } catch {
    return `\t${stringify(describe(error))}`; // it leads back to itself, or a getter throws
  }
}

// An error's fields in a JSON log.
export function listError(error) {
  const { message, stack } = error;
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: message,
    stackTrace: typeof stack === "string" ? stack.split("\n") : [],
  };
}

function withHidden(value) {
  if (!types.isNativeError(value)) {
    return value;
  }
  const { name, message, code, stack } = value;
  const hidden = { errorType: name, errorMessage: message, code, ...value };
  return typeof stack === "string" ? { ...hidden, stack: stack.split("\n") } : hidden;
}

function isError(value) {
  const hasText = (name) => typeof value?.[name] === "string" && value[name] !== "";
  return types.isNativeError(value) || ["name", "message", "stack"].every(hasText);
}
