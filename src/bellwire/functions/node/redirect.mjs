// Clients of what the node serves reach the node, whatever endpoint the handler names: requests
// for /{stage}/@connections of any host, and those to AWS Lambda and AWS IoT.
// docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import { urlToHttpOptions } from "node:url";

const CONNECTIONS = /^(\/[^/?]+)?\/(@|%40)connections(?=[/?]|$)/i;
const SERVICES = [
  { host: /^lambda(-fips)?\.[\w-]+\.amazonaws\.com(\.cn)?$/, path: /^\/2015-03-31\/functions\// },
  { host: /(^|[.-])iot\.[\w-]+\.amazonaws\.com(\.cn)?$/, path: /^\/topics\// },
];

// Replace `request` and `get` of node:http and node:https, and `fetch`.
export function install({ httpUrl, stage, token }) {
  const node = new URL(httpUrl);
  const agent = new http.Agent({ keepAlive: true });
  const send = http.request;
  const headersFor = (host) => ({ Host: host, ...(token && { "X-Bellwire-Token": token }) });

  function toNode(options, host, path) {
    const { _defaultAgent, auth, socketPath, ...rest } = options;
    const { hostname, port } = node;
    const headers = { ...headersFor(host), ...asObject(options.headers) };
    const address = { protocol: "http:", host: unbracketed(hostname), port };
    return { ...rest, ...address, hostname: address.host, headers, path, agent };
  }

  for (const module of [http, https]) {
    const original = module.request;
    module.request = function request(...given) {
      const { options, callback } = read(given);
      const host = options.hostname ?? options.host ?? "localhost";
      const path = pathAtNode(host, options.path ?? "/", stage);
      if (path === undefined) {
        return original.apply(this, given);
      }
      const name = options.port ? `${host}:${options.port}` : host;
      return send(toNode(options, name, path), callback);
    };
    module.get = function get(...given) {
      const request = module.request(...given);
      request.end();
      return request;
    };
  }
  syncBuiltinESMExports();

  const originalFetch = globalThis.fetch;
  globalThis.fetch = function fetch(input, init) {
    const url = URL.canParse?.(input?.url ?? input) ? new URL(input?.url ?? input) : undefined;
    const path = url && pathAtNode(url.hostname, url.pathname + url.search, stage);
    if (path === undefined) {
      return originalFetch(input, init);
    }
    const request = new Request(new URL(path, node), input?.url ? input : init);
    if (token) {
      request.headers.set("X-Bellwire-Token", token);
    }
    return originalFetch(request, input?.url ? init : undefined);
  };
}

// Where a request goes at the node, or undefined: it goes where it would. A path that names no
// stage, as that of a custom domain, gets the node's one.
export function pathAtNode(host, path, stage) {
  const match = CONNECTIONS.exec(path);
  if (match !== null) {
    return match[1] === undefined ? `/${stage}${path}` : path;
  }
  const isServed = SERVICES.some((each) => each.host.test(host) && each.path.test(path));
  return isServed ? path : undefined;
}

// The arguments of `http.request`: (url[, options][, callback]) or (options[, callback]).
function read([first, second, third]) {
  const callback = typeof second === "function" ? second : third;
  const more = typeof second === "function" ? undefined : second;
  if (typeof first === "string" || first instanceof URL) {
    return { options: { ...urlToHttpOptions(new URL(first)), ...more }, callback };
  }
  return { options: { ...first }, callback: typeof second === "function" ? second : undefined };
}

// Headers may be given as a list of pairs, or of names and values in turn, too.
function asObject(headers) {
  if (!Array.isArray(headers)) {
    return headers;
  }
  if (Array.isArray(headers[0])) {
    return Object.fromEntries(headers);
  }
  const pairs = headers.map((name, index) => [name, headers[index + 1]]);
  return Object.fromEntries(pairs.filter((_, index) => index % 2 === 0));
}

function unbracketed(host) {
  return host.replace(/^\[(.*)\]$/, "$1");
}
