// One invocation: what its handler is given, and the first outcome that comes of it.
// docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html

const { parse, stringify } = JSON; // as they are now: a handler may replace them

export class Invocation {
  constructor(turn) {
    this.turn = turn;
    this.requestId = turn.requestId;
    this.atEmptyLoop = () => this.succeed(null);
    this.isCalled = false;
    this.waitsForEmptyLoop = true;
    this.outcome = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  // Run the handler. Resolves with `{document}`, the result as JSON, or with `{error}`.
  run(handler) {
    const callback = this.once((error, result) => this.callBack(error, result));
    const context = this.makeContext();
    const { succeed, fail } = context; // as they are now
    try {
      const returned = handler(parse(this.turn.event), context, callback);
      if (typeof returned?.then === "function") {
        returned.then(succeed, fail);
      } // any other value is nothing, as on Lambda: it answers with the callback, or null
    } catch (error) {
      fail(error);
    }
    return this.outcome;
  }

  // Nothing is left to wait for: a result held back is given, and where there is none, null.
  loopIsEmpty() {
    this.atEmptyLoop();
  }

  // Of the callback, done, succeed, fail and the returned promise the first one counts.
  once(call) {
    return (...values) => {
      if (!this.isCalled) {
        this.isCalled = true;
        call(...values);
      }
    };
  }

  callBack(error, result) {
    if (isGiven(error)) {
      this.fail(error);
    } else if (this.waitsForEmptyLoop) {
      this.atEmptyLoop = () => this.succeed(result);
    } else {
      this.succeed(result);
    }
  }

  succeed(result) {
    let document;
    try {
      document = stringify(result) ?? "null"; // of undefined, or of a function
    } catch {
      this.settle({ error: new Error("Unable to stringify response body") });
      return;
    }
    this.settle({ document });
  }

  fail(error) {
    this.settle({ error });
  }

  makeContext() {
    const { turn } = this;
    const { env } = process;
    const done = this.once((error, result) =>
      isGiven(error) ? this.fail(error) : this.succeed(result),
    );
    const context = {
      functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: isGiven(turn.clientContext) ? parse(turn.clientContext) : undefined,
      identity: undefined,
      invokedFunctionArn: turn.functionArn,
      awsRequestId: turn.requestId,
      getRemainingTimeInMillis: () => turn.deadlineMs - Date.now(),
      done,
      succeed: (result) => done(null, result),
      fail: (error) => done(isGiven(error) ? error : "handled"),
    };
    Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", {
      enumerable: true,
      get: () => this.waitsForEmptyLoop,
      set: (value) => {
        this.waitsForEmptyLoop = value;
      },
    });
    return context;
  }
}

function isGiven(error) {
  return error !== undefined && error !== null;
}
