// Exports a document with the state machine in WebAssembly and `fetch`, in Node 20 or newer.
//
//     node export.mjs WASM BASE_URL CLIENT_ID CLIENT_SECRET DOCUMENT FILE
//
// It decides nothing: it carries out one action after the other. In a browser, `fetch` hides the target of a redirect
// from the page (its response is opaque), so that the machine cannot decide whether the token may go there: send the
// requests of a browser through a server of your own.

import { open, readFile, rename, writeFile } from "node:fs/promises";

const [wasm, base_url, client_id, client_secret, document, path] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(await readFile(wasm));
const { memory, input, output, start, next, chunk, event } = instance.exports;
const now = () => Date.now();

function write(bytes) {
  const at = input(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
}

function read(length) {
  return new TextDecoder().decode(new Uint8Array(memory.buffer, output(), length));
}

/** Hands in an input, and returns the next action. */
function answer(value) {
  write(new TextEncoder().encode(JSON.stringify(value)));
  return JSON.parse(read(next(now())));
}

write(new TextEncoder().encode(JSON.stringify({ base_url, client_id, client_secret, document })));
const error = read(start());
if (error) throw new Error(error);

const part = `${path}.part`;
let file, body, bytes, abort, timer;

/** Aborts the request, or the read, that is under way at this time. */
function limit(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(() => abort?.abort(), Math.max(0, milliseconds));
}

/** What a failure of `fetch` proves. */
function verdict(error) {
  const code = error.cause?.code ?? "";
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) return "not_sent";
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code)) return "untrusted";
  return "unanswered";
}

/** The headers to send. `fetch` adds `identity` to a request with a range, and would send it twice. */
function headersOf({ headers }) {
  const hasRange = headers.some(([name]) => name === "range");
  return headers.filter(([name]) => !(hasRange && name === "accept-encoding"));
}

const actions = {
  async store({ checkpoint }) {
    await writeFile(`${path}.checkpoint`, JSON.stringify(checkpoint), { flush: true });
    return { input: "done" };
  },
  async send(send) {
    abort?.abort();
    abort = new AbortController();
    limit(send.give_up_at - now());
    try {
      const response = await fetch(send.url, {
        method: send.method,
        headers: headersOf(send),
        body: send.method === "GET" ? undefined : Buffer.from(send.body, "base64"),
        redirect: "manual",
        signal: abort.signal,
      });
      body = response.body?.getReader();
      return { input: "head", status: response.status, headers: [...response.headers] };
    } catch (error) {
      return { input: "failed", kind: verdict(error), detail: error.cause?.code ?? error.message };
    }
  },
  async collect(action) {
    limit(action.give_up_at - now());
    const chunks = [];
    let length = 0;
    try {
      for (let part; body && !(part = await body.read()).done; chunks.push(part.value)) {
        length += part.value.length;
        if (length > action.limit) return { input: "failed", kind: "too_long" };
      }
    } catch {
      return { input: "failed", kind: "cut" };
    }
    return { input: "body", bytes: Buffer.concat(chunks).toString("base64") };
  },
  async begin({ offset }) {
    file ??= await open(part, "a+");
    await file.truncate(offset);
    return { input: "done" };
  },
  async read({ timeout_ms }) {
    limit(timeout_ms);
    try {
      const { done, value } = await body.read();
      if (done) return { input: "end" };
      bytes = value;
      return value;
    } catch (error) {
      return { input: "failed", kind: abort.signal.aborted ? "stalled" : "cut" };
    }
  },
  async write() {
    await file.write(bytes);
    return { input: "done" };
  },
  async sync() {
    await file.sync();
    return { input: "length", length: (await file.stat()).size };
  },
  async measure() {
    return { input: "length", length: file ? (await file.stat()).size : 0 };
  },
  async finish() {
    await file.sync();
    await file.close();
    await rename(part, path);
    return { input: "done" };
  },
  async wait({ until }) {
    await new Promise((resolve) => setTimeout(resolve, until - now()));
    return { input: "done" };
  },
};

let action = answer({ input: "done" });
while (action.action !== "end") {
  for (let length; (length = event()); ) console.error(JSON.parse(read(length)).event);
  const perform = actions[action.action];
  if (!perform) throw new Error(JSON.stringify(action));
  const result = await perform(action);
  if (result instanceof Uint8Array) {
    write(result);
    action = JSON.parse(read(chunk(now())));
  } else {
    action = answer(result);
  }
}
clearTimeout(timer);
if (action.error) throw new Error(action.error.message);
console.log(`${path}: ${action.artifact.length} bytes`);
