// The admin API over HTTP, with the token if one is needed. It stays in this tab: sessionStorage, never a URL.

const KEY = "breakerbox.token";

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the gateway answered when it said no; `retryAfter` is in seconds, 0 where it did not tell. */
export class Refused extends Error {
  constructor(status, code, message, body, retryAfter) {
    super(message);
    Object.assign(this, { status, code, body, retryAfter });
  }
}

/** Longest a question may take before the page gives up on it, in milliseconds. */
const PATIENCE = 15_000;

/** Asks `path`. *Throws* `Refused` for an answer that is not 2xx, anything else when none came. */
export async function ask(path, { method = "GET", body, type = "application/json", accept = [] } = {}) {
  const headers = {};
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["content-type"] = type;
  const answer = await fetch(path, { method, headers, body, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  const raw = await answer.text();
  const parsed = parse(raw);
  if (answer.ok || accept.includes(answer.status)) return parsed ?? raw;
  const error = parsed?.error ?? {};
  const message = error.message ?? parsed?.problems?.[0]?.message ?? (raw.slice(0, 200) || `the gateway answered ${answer.status}`);
  throw new Refused(answer.status, error.code ?? null, message, parsed, Number(answer.headers.get("retry-after")) || 0);
}

export const post = (path, options) => ask(path, { method: "POST", ...options });

function parse(raw) {
  try {
    return JSON.parse(raw);
  } catch {
    return null;
  }
}
