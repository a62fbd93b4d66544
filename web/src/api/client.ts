// One fetch and one error shape for everything the console asks of the server.

export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    /** HTTP status, or 0 when no answer came. */
    readonly status: number,
    readonly type: string,
    message: string,
    readonly position?: number,
    readonly expected?: readonly string[],
    /** Characters of a query that could not be understood. */
    readonly place?: { start: number; end: number },
  ) {
    super(message);
  }
}

/** Nobody is signed in, where somebody has to be. */
export function isSignedOut(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.status === 403 &&
    error.type === "MissingAuthenticationTokenException"
  );
}

interface ErrorBody {
  Message?: string;
  message?: string;
  __type?: string;
  Position?: number;
  Expected?: string[];
  queryCompileError?: {
    location?: { startCharOffset?: number; endCharOffset?: number };
    message?: string;
  };
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "Unreachable", cause instanceof Error ? cause.message : String(cause));
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    // A proxy in between may answer with a page of HTML: the status says enough.
  }
  const header = response.headers.get("x-amzn-ErrorType") ?? body.__type ?? "";
  const type = header.split(":")[0]!.split("#").at(-1)! || `HTTP ${response.status}`;
  const compile = body.queryCompileError;
  const message = compile?.message ?? body.Message ?? body.message ?? response.statusText;
  const at = compile?.location;
  const place =
    at?.startCharOffset === undefined
      ? undefined
      : { start: at.startCharOffset, end: Math.max(at.startCharOffset + 1, at.endCharOffset ?? 0) };
  throw new ApiError(response.status, type, message, body.Position, body.Expected, place);
}

export function post<Out>(path: string, body: unknown, signal?: AbortSignal): Promise<Out> {
  return withBody("POST", path, body, signal);
}

export function patch<Out>(path: string, body: unknown): Promise<Out> {
  return withBody("PATCH", path, body);
}

export function put<Out>(path: string, body: unknown): Promise<Out> {
  return withBody("PUT", path, body);
}

async function withBody<Out>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Out> {
  const response = await send(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  return answerOf(response);
}

/** Operations that have nothing to say answer with an empty body. */
async function answerOf<Out>(response: Response): Promise<Out> {
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as Out;
}

/** Names the account that is asked about, where that is not the one that asks. */
function about(account: string | undefined): Record<string, string> {
  return account ? { "X-Mitoshi-Account": account } : {};
}

/** An operation of a service that has no paths: all are posted to the root. */
export async function call<Out>(
  target: string,
  version: "1.0" | "1.1",
  body: unknown,
  signal?: AbortSignal,
  account?: string,
): Promise<Out> {
  const response = await send("/", {
    method: "POST",
    headers: {
      "Content-Type": `application/x-amz-json-${version}`,
      "X-Amz-Target": target,
      ...about(account),
    },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  return (await response.json()) as Out;
}

/** The same for an operation whose answer goes on and on. */
export async function callForStream(
  target: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const response = await send("/", {
    method: "POST",
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  if (!response.body) throw new ApiError(response.status, "NoBody", "the answer has no body");
  return response.body;
}

export async function remove<Out>(path: string): Promise<Out> {
  return answerOf(await send(path, { method: "DELETE" }));
}

export async function get<Out>(path: string, signal?: AbortSignal, account?: string): Promise<Out> {
  const response = await send(path, { headers: about(account), ...(signal ? { signal } : {}) });
  return (await response.json()) as Out;
}

/** A file as it is, read as text. */
export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await send(path, signal ? { signal } : {});
  return response.text();
}
