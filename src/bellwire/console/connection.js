// @ts-check
/** The WebSocket of the page: the same API as any app's. */

/** Largest frame API Gateway takes; a browser cannot split a message into several. */
const FRAME_BYTES = 32 * 1024;
const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 15_000;
/** After a connection that lasted this long the delays start small again. */
const GOOD_MS = 5_000;
/** A little longer than the gateway itself waits for a function (29 s). */
const ANSWER_MS = 31_000;
/** Close codes from here on tell of a fault; those below are a node that stops or a time-out. */
const FAULT_CODE = 1008;

/**
 * Return how long to wait before attempt number `attempt` (0, 1, …), in ms.
 * @param {number} attempt @param {number} random 0 to 1, so that many pages do not return at once
 */
export function backoff(attempt, random) {
  return Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + random / 2);
}

/**
 * Decides which list to send next. One request is under way at a time, because two could be
 * answered in the other order; what changes meanwhile is sent after the answer, once. Pure.
 */
export class ListKeeper {
  #wanted = "[]";
  #stored = "[]";
  /** @type {{id: string, list: string} | null} */
  #sent = null;
  #count = 0;

  /** @param {object[]} list */
  want(list) {
    this.#wanted = JSON.stringify(list);
  }

  /** A new connection has no list. */
  reset() {
    this.#stored = "[]";
    this.#sent = null;
  }

  /** Return the frame to send now, or null. */
  next() {
    if (this.#sent || this.#wanted === this.#stored) return null;
    this.#count += 1;
    const sent = { id: `console-${this.#count}`, list: this.#wanted };
    this.#sent = sent;
    return `{"action":"set_notify_list","notify_list":${sent.list},"request_id":"${sent.id}"}`;
  }

  /** The request under way has its yes or no: its list is not sent again. False: no such request.
   * @param {unknown} id request_id */
  settle(id) {
    if (!this.#sent || this.#sent.id !== id) return false;
    this.#stored = this.#sent.list;
    this.#sent = null;
    return true;
  }

  /** The request under way is lost: its list is due again. False: there was none. */
  lose() {
    const lost = this.#sent !== null;
    this.#sent = null;
    return lost;
  }
}

/**
 * @typedef {object} Listener
 * @property {(state: "live" | "reconnecting", refused: number) => void} onState
 *   refused: attempts in a row that opened nothing
 * @property {(frame: any) => void} onEvent a frame of event `parameters` or `notify_list`
 * @property {(topic: "list" | "closed", sentence: string | null) => void} onProblem null: solved
 */

/** Keeps a socket open and the list on it. */
export class Connection {
  #keeper = new ListKeeper();
  /** @type {WebSocket | null} */
  #socket = null;
  #url = "";
  #attempt = 0;
  #refused = 0;
  #lost = 0;
  /** @type {number | undefined} */
  #timer;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  /** Connect and stay connected; a later call names the address of the next attempt.
   * @param {string} url */
  open(url) {
    const first = this.#url === "";
    this.#url = url;
    if (first) this.#dial();
  }

  /** Do not wait any longer: the network or the reader has come back. */
  hurry() {
    if (this.#url !== "" && !this.#socket) this.#dial();
  }

  /** @param {object[]} list */
  listen(list) {
    this.#keeper.want(list);
    this.#send();
  }

  #dial() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url);
    let opened = 0;
    this.#socket = socket;
    socket.onopen = () => {
      opened = performance.now();
      this.#refused = 0;
      this.#keeper.reset();
      this.listener.onState("live", 0);
      this.#send();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => {
      this.#socket = null;
      if (!opened) this.#refused += 1;
      else if (performance.now() - opened > GOOD_MS) this.#attempt = 0;
      this.#wait(() => this.#dial(), backoff(this.#attempt, Math.random()));
      this.#attempt += 1;
      this.listener.onState("reconnecting", this.#refused);
      if (code < FAULT_CODE) return;
      this.listener.onProblem("closed", `The node closed the connection (${code}): ${reason}.`);
    };
  }

  /** One timer is enough: for the next attempt while closed, for the list while open.
   * @param {() => void} then @param {number} ms */
  #wait(then, ms) {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(then, ms);
  }

  #send() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const frame = this.#keeper.next();
    if (frame === null) return;
    if (new TextEncoder().encode(frame).length > FRAME_BYTES) {
      this.#keeper.lose();
      const sentence = "The list is larger than a frame of 32 KB: pick whole devices, or fewer.";
      this.listener.onProblem("list", sentence);
      return;
    }
    this.#socket.send(frame);
    this.#wait(() => this.#retry("No answer to set_notify_list within 30 s."), ANSWER_MS);
  }

  /** @param {string} data */
  #receive(data) {
    /** @type {any} */
    let frame = null;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // Functions of the user's own may push any text.
    }
    if (frame?.event === "parameters") this.listener.onEvent(frame);
    else if (frame?.event === "notify_list") this.#settle(frame.request_id, null, frame);
    else if (frame?.event === "error") {
      const sentence = `The list was refused (${frame.code}): ${frame.message}.`;
      this.#settle(frame.request_id, sentence, null);
    } else if (frame?.connectionId && frame.message) this.#fail(frame);
  }

  /** @param {unknown} id @param {string | null} problem @param {any} frame */
  #settle(id, problem, frame) {
    if (this.#keeper.settle(id)) {
      clearTimeout(this.#timer);
      this.#lost = 0;
    }
    this.listener.onProblem("list", problem);
    if (frame) this.listener.onEvent(frame);
    this.#send();
  }

  /** The gateway's own error frame. @param {{message: string, requestId: string}} frame */
  #fail({ message, requestId }) {
    const hint =
      message === "Forbidden"
        ? "Does this service have a route set_notify_list?"
        : `The node's log says more about request ${requestId}.`;
    this.#retry(`The gateway answered “${message}”. ${hint}`);
  }

  /** @param {string} sentence */
  #retry(sentence) {
    if (!this.#keeper.lose()) return;
    this.listener.onProblem("list", sentence);
    this.#wait(() => this.#send(), backoff(this.#lost, Math.random()));
    this.#lost += 1;
  }
}
