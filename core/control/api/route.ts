import type { Infer, ObjectSchema } from "distributary/sdk";
import type { Control } from "../control.ts";
import type { AccountRole, Caller } from "../accounts.ts";

export interface RouteContext<Body> {
  readonly control: Control;
  readonly caller: Caller;
  /** Parts of the path written `:name`. */
  readonly params: Readonly<Record<string, string>>;
  /** The checked body; for GET, the checked query. */
  readonly body: Body;
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal;
}

/** One thing the API can do. What `answer` returns is sent as JSON; an async iterable as server-sent events. */
export interface ApiRoute<Body extends ObjectSchema = ObjectSchema> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** The least a caller must be. */
  readonly role: AccountRole;
  readonly summary: string;
  readonly body?: Body;
  answer(context: RouteContext<Infer<Body>>): Promise<unknown> | AsyncIterable<object>;
}

/** Declares a route; its body is typed by its schema. */
export function defineRoute<const Body extends ObjectSchema = { type: "object"; properties: {} }>(
  route: ApiRoute<Body>,
): ApiRoute {
  return route as unknown as ApiRoute;
}
