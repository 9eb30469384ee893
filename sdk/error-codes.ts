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
  DIST_ERR_PLUGIN_SHAPE: { text: "plugin '{plugin}' is not a plugin: {problem}", hint: "export default definePlugin({ name, api: 1, setup(host, options) { … } })" },
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
  DIST_ERR_COMPRESS_DAMAGED: { text: "{name}: a compressed block is damaged: {problem}" },
  DIST_ERR_CIPHER_OPEN: { text: "{name}: a sealed block was changed, or the key is wrong" },
  DIST_ERR_DELTA_DAMAGED: { text: "{name}: the delta is damaged: {problem}" },
  DIST_ERR_EXEC_FAILED: { text: "'{file}' {problem}", retryable: true },
} as const satisfies Record<`DIST_ERR_${string}`, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
