// The Runtime API, over one connection that is kept.
// docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import http from "node:http";

const PREFIX = "/2018-06-01/runtime";
const { request } = http; // as they are now: handlers and tracers replace them
const { stringify } = JSON;

// An error's name as a header can carry it: it is whatever the handler chose.
function headerText(name) {
  return encodeURIComponent(String(name).slice(0, 256).toWellFormed());
}

export class Client {
  constructor(address) {
    const [host, port] = address.split(":");
    // A connection that waits for its next request does not keep the process alive.
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.options = { host, port, agent };
  }

  // Wait for the next invocation.
  async next() {
    const { headers, body } = await this.send("GET", "/invocation/next");
    return {
      requestId: headers["lambda-runtime-aws-request-id"],
      deadlineMs: Number(headers["lambda-runtime-deadline-ms"]),
      functionArn: headers["lambda-runtime-invoked-function-arn"],
      traceId: headers["lambda-runtime-trace-id"],
      clientContext: headers["lambda-runtime-client-context"],
      event: body,
    };
  }

  // Give the result of an invocation, as JSON.
  respond(requestId, document) {
    return this.send("POST", `/invocation/${requestId}/response`, document);
  }

  // Tell that an invocation failed.
  fail(requestId, error) {
    return this.send("POST", `/invocation/${requestId}/error`, stringify(error), {
      "Lambda-Runtime-Function-Error-Type": headerText(error.errorType),
    });
  }

  // Tell that the handler could not be loaded.
  failInit(error) {
    return this.send("POST", "/init/error", stringify(error), {
      "Lambda-Runtime-Function-Error-Type": headerText(error.errorType),
    });
  }

  send(method, path, document, headers = {}) {
    const body = document === undefined ? undefined : Buffer.from(document);
    const options = { ...this.options, method, path: PREFIX + path, headers: { ...headers } };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.headers["Content-Length"] = body.length;
    }
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const { statusCode, headers: received } = response;
          // 413 is an answer to the caller of the function, who has been told.
          if (statusCode < 300 || statusCode === 413) {
            resolve({ headers: received, body: text });
          } else {
            reject(new Error(`${method} ${path} was answered ${statusCode}: ${text}`));
          }
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
