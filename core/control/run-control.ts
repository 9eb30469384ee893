import { join } from "node:path";
import type { Io } from "distributary/sdk";
import { serveApi } from "./api/server.ts";
import { Control } from "./control.ts";
import type { ControlOptions } from "./control.ts";
import { replaceFile } from "../content/durable-file.ts";
import { restSoon } from "../runtime/memory.ts";

export interface RunningControl extends AsyncDisposable {
  readonly control: Control;
  readonly apiPort: number;
}

/** Starts control with its API, whose address stands in `<data>/address` from then on. */
export async function runControl(
  options: ControlOptions & { readonly api: { readonly host: string; readonly port: number } },
  io: Omit<Io, "http">,
): Promise<RunningControl> {
  await using resources = new AsyncDisposableStack();
  const control = resources.use(await Control.start(options, io));
  const { host, port } = options.api;
  const api = resources.use(await serveApi(control, host, port));
  replaceFile(io.disk, join(options.directory, "address"), [Buffer.from(`http://${shownHost(host)}:${api.port}\n`)]);
  options.log.info({ api: api.port, link: control.linkPort, directory: options.directory }, "control runs");
  restSoon();
  const running = resources.move();
  return { control, apiPort: api.port, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Where others on this host reach a server that listens on `host`. */
function shownHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
