import { DistributaryError, failure } from "distributary/sdk";

/** One thing wrong in a file. */
export interface ConfigProblem {
  /** `file:line`. */
  readonly where: string;
  /** Begins with the path of the value: `groups.web-eu.nodes[2]: must be a name`. */
  readonly message: string;
  /** The next step. */
  readonly hint?: string;
}

const mostDescribed = 30;

/** DIST_ERR_CONFIG_INVALID with everything that is wrong in a file, in the order of its lines. */
export class ConfigError extends DistributaryError {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const first = problems[0];
    const { code, message, status } = failure("DIST_ERR_CONFIG_INVALID", {
      file,
      count: problems.length,
      first: first === undefined ? "nothing" : `${first.where} ${first.message}`,
    });
    super(code, message, { status });
    this.problems = problems;
  }

  /** `CODE  file:line  path: message` and the hint below it, for each of the first 30 problems. */
  override describe(): string {
    const shown = this.problems.slice(0, mostDescribed).map(({ where, message, hint }) => {
      const head = `${this.code}  ${where}  ${message}`;
      return hint === undefined ? head : `${head}\n  hint: ${hint}`;
    });
    const more = this.problems.length - shown.length;
    return [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join("\n");
  }
}
