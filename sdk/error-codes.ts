interface CodeEntry {
  /** What failed, with the offending value in quotes. */
  readonly text: string;
  /** The next step. May use the same parameters. */
  readonly hint?: string;
  /** The same call may succeed later. */
  readonly retryable?: true;
  /** HTTP status; 500 if absent. */
  readonly status?: number;
}

/** Every error Distributary itself can raise. A code is never used for something else, even after it is gone. */
export const errorCodes = {
  DIST_ERR_OPTIONS_INVALID: { text: "{owner}: {problems}", status: 400 },
  DIST_ERR_OPTIONS_SCHEMA: { text: "a schema is wrong at '{path}': {problem}", hint: "see `Schema` in distributary/sdk for what options can be" },
  DIST_ERR_CONFIG_READ: { text: "'{file}' cannot be read: {problem}", hint: "name another file with --config", status: 400 },
  DIST_ERR_CONFIG_INVALID: { text: "'{file}' is not a valid configuration ({count} wrong): {first}", status: 400 },
  DIST_ERR_USAGE: { text: "{command}: {problem}", hint: "see `{command} --help`", status: 400 },
  DIST_ERR_PLUGIN_SHAPE: { text: "plugin '{plugin}' is not a plugin: {problem}", hint: "its module must `export default definePlugin(…)`" },
  DIST_ERR_PLUGIN_API: { text: "plugin '{plugin}' needs plugin API {wanted}, this Distributary supports {supported}" },
  DIST_ERR_PLUGIN_NOT_FOUND: { text: "plugin '{use}' was not found; tried: {tried}", hint: "install it beside the configuration, or list a built-in one: {builtIn}" },
  DIST_ERR_PLUGIN_LOAD: { text: "plugin '{use}' could not be loaded: {problem}" },
  DIST_ERR_PLUGIN_DUPLICATE: { text: "two plugins are called '{plugin}'", hint: "give one of them another id with `as:`" },
  DIST_ERR_PLUGIN_FAILED: { text: "plugin '{plugin}' failed in {step}: {problem}" },
  DIST_ERR_HOOK_FAILED: { text: "plugin '{plugin}' failed in hook '{hook}': {problem}" },
  DIST_ERR_HOOK_TIMEOUT: { text: "plugin '{plugin}' did not finish hook '{hook}' within {timeoutMs} ms" },
  DIST_ERR_KERNEL_FROZEN: { text: "plugin '{plugin}' registered '{what}' after start-up", hint: "register in `setup`; begin work in the `started` hook" },
  DIST_ERR_PROVIDER_NAME: { text: "plugin '{plugin}': '{name}' is no name for a {kind}", hint: "names are lower case letters, digits and hyphens" },
  DIST_ERR_PROVIDER_DUPLICATE: { text: "{kind} '{name}' is provided by both '{first}' and '{second}'" },
  DIST_ERR_PROVIDER_UNKNOWN: { text: "no {kind} named '{name}'", hint: "known: {known}; others come with a plugin listed under `plugins:`", status: 400 },
  DIST_ERR_PROVIDER_UNUSABLE: { text: "{kind} '{name}' cannot be used here: {reason}" },
  DIST_ERR_PATH_INVALID: { text: "path '{path}' is refused: {reason}", status: 400 },
  DIST_ERR_PATH_COLLISION: { text: "'{path}' is the same name as '{other}' on this file system" },
  DIST_ERR_COMMAND_REFUSED: { text: "command '{kind}' for '{path}' is refused: {reason}", status: 400 },
  DIST_ERR_POINTER_FOREIGN: { text: "'{path}' does not point to a release: {problem}", hint: "move it away; live and backup in a site's directory belong to Distributary" },
  DIST_ERR_COMPRESS_DAMAGED: { text: "{name}: a compressed block is damaged: {problem}" },
  DIST_ERR_CIPHER_OPEN: { text: "{name}: a sealed block was changed, or the key is wrong" },
  DIST_ERR_DELTA_DAMAGED: { text: "{name}: the delta is damaged: {problem}" },
  DIST_ERR_EXEC_FAILED: { text: "'{file}' {problem}", retryable: true },
  DIST_ERR_CONTENT_MANIFEST: { text: "a manifest is damaged: {problem}" },
  DIST_ERR_CONTENT_CHANGING: { text: "'{path}' changes while it is read", hint: "publish when the content is finished, or exclude the file", retryable: true, status: 409 },
  DIST_ERR_CONTENT_MISSING: { text: "'{path}' is shorter than it was", retryable: true },
  DIST_ERR_CONTENT_STAGING: { text: "staging directory: '{path}' {problem}", status: 409 },
  DIST_ERR_CONTENT_EMPTY: { text: "staging directory '{path}' is empty; publishing it would delete all {count} entries of site '{site}'", hint: "if that is what you want, publish with --allow-empty", status: 409 },
  DIST_ERR_CONTENT_VERSION: { text: "there is no version {version}", status: 404 },
  DIST_ERR_ASSIGNMENT_FORMAT: { text: "the assignment cannot be read: {problem}" },
  DIST_ERR_ASSIGNMENT_SIGNATURE: { text: "the assignment is not signed by the control this node enrolled with" },
  DIST_ERR_ASSIGNMENT_HASH: { text: "the assignment's {what} does not have the hash it names" },
  DIST_ERR_ASSIGNMENT_AUDIENCE: { text: "the assignment {serial} of site '{site}' is not for node '{node}'" },
  DIST_ERR_ASSIGNMENT_SERIAL: { text: "site '{site}': assignment {serial} is refused, {last} was the last one", hint: "an old assignment was sent again, or serials jumped" },
  DIST_ERR_ASSIGNMENT_EXPIRED: { text: "site '{site}': assignment {serial} expired at {expiresAt}", hint: "publish again; if that fails too, check both clocks" },
  DIST_ERR_ASSIGNMENT_BASE: { text: "site '{site}': assignment {serial} starts from tree {base}, this node has {have}" },
  DIST_ERR_ASSIGNMENT_RESULT: { text: "the tree is not the one that was signed: {problem}" },
  DIST_ERR_STORE_LOCKED: { text: "data directory '{directory}' is in use by {holder}", hint: "one process at a time: stop the other one, or give this one a directory of its own", status: 503 },
  DIST_ERR_STORE_OPEN: { text: "the database in '{directory}' cannot be opened: {problem}" },
  DIST_ERR_STORE_NEWER: { text: "the database knows migration '{migration}', this Distributary does not", hint: "it was used by a newer version: install that one, or restore a dump from before" },
  DIST_ERR_STORE_MIGRATE: { text: "migration '{migration}' of the database failed, nothing was changed: {problem}" },
  DIST_ERR_STORE_BUSY: { text: "the database is busy: {problem}", retryable: true, status: 503 },
  DIST_ERR_STORE_AWAY: { text: "the database at {server} cannot be reached: {problem}", hint: "check `database.url` and that the server runs; work goes on as soon as it answers", retryable: true, status: 503 },
  DIST_ERR_STORE_STOPPED: { text: "the database stopped: {problem}", hint: "start control again; nothing that was confirmed is lost", status: 503 },
  DIST_ERR_STORE_NUMBER: { text: "{value} in the database is too large to be a number without loss" },
  DIST_ERR_STORE_LEDGER: { text: "ledger '{path}' was changed at record {record}: {problem}", hint: "restore the file from a backup; what follows that record cannot be trusted" },
  DIST_ERR_AUTH_AUTHORITY: { text: "the authority in '{path}' cannot be used: {problem}", hint: "restore it from a backup; a new one means that every node enrols again" },
  DIST_ERR_AUTH_TOKEN: { text: "the join token is refused: {problem}", hint: "make a new one with `distributary token`", status: 401 },
  DIST_ERR_AUTH_PIN: { text: "{host}:{port} is not the control of this join token: {problem}", hint: "check the address; if it is right, somebody stands between" },
  DIST_ERR_AUTH_REQUEST: { text: "the request for a certificate is refused: {problem}", status: 400 },
  DIST_ERR_AUTH_REFUSED: { text: "{peer} at {host}:{port}: {problem}", status: 401 },
  DIST_ERR_AUTH_IDENTITY: { text: "the identity in '{path}' cannot be used: {problem}", hint: "enrol this node again with a new join token" },
  DIST_ERR_LINK_PORT: { text: "cannot listen on {address}:{port}: {problem}", hint: "choose another port, or stop what uses this one" },
  DIST_ERR_LINK_BODY: { text: "a request's body is refused: {problem}", status: 413 },
  DIST_ERR_LINK_PREFIX: { text: "'{prefix}' is served twice" },
  DIST_ERR_TRANSFER_BROKEN: { text: "{peer}: the transfer broke off: {problem}", retryable: true, status: 502 },
  DIST_ERR_TRANSFER_PIECE: { text: "piece {index} of assignment {assignment} does not have the hash that was signed", retryable: true },
  DIST_ERR_ASSIGNMENT_KEY: { text: "site '{site}': there is no key for the data of assignment {serial}" },
  DIST_ERR_POLICY_REFUSED: { text: "site '{site}': this node's own policy refuses it: {reason}", hint: "the file named by `agent.policy` on the node says what is allowed there", status: 403 },
  DIST_ERR_SERVE_FAILED: { text: "site '{site}' is switched, but its server did not follow: {problem}" },
} as const satisfies Record<`DIST_ERR_${string}`, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
