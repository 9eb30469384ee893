import type { Infer, ObjectSchema } from "distributary/sdk";
import type { Problem } from "./problem.ts";
import { formatBytes, parseBytes, parseDuration } from "./units.ts";

/** File types that are compressed already, or whose bytes look like chance. */
const packedTypes = [
  ..."7z aac apk avif br bz2 deb docx flac gif gz heic heif jar jpeg jpg jxl lz4 m4a m4v mkv mov mp3 mp4".split(" "),
  ..."odp ods odt ogg opus pptx rar rpm tgz txz webm webp woff woff2 xlsx xz zip zst png".split(" "),
].sort();

/** How a site is brought to its nodes. Every part has a default, so `{}` is a policy. */
export const policySchema = {
  type: "object",
  description: "How sites are brought to their nodes.",
  properties: {
    delta: {
      type: "string",
      default: "rsync",
      description: "Delta engine that describes changed files; `whole` sends them as they are.",
    },
    compress: {
      type: "array",
      items: {
        type: "object",
        required: ["types", "use"],
        description: "A rule; the first that fits a file counts.",
        properties: {
          types: {
            type: "array",
            items: {
              type: "string",
              pattern: "^([^./\\\\*A-Z]+|\\*)$",
              description: "A file type like `html`, in lower case and without the dot, or `*` for all.",
            },
            minItems: 1,
            description: "File types it is for, without the dot.",
          },
          use: { type: "string", description: "The compressor, or `none`." },
        },
      },
      default: [
        { types: packedTypes, use: "none" },
        { types: ["*"], use: "zstd" },
      ],
      description: "Which files are compressed with what. Types that no rule is for are not compressed.",
    },
    encrypt: {
      type: "string",
      default: "none",
      description: "Cipher for the data on its way from control to the nodes, or `none`.",
    },
    pieceBytes: {
      type: "string",
      format: "bytes",
      default: "1 MiB",
      description: "The unit in which data travels: smaller is sooner forwarded.",
    },
    sectionBytes: {
      type: "string",
      format: "bytes",
      default: "4 GiB",
      description: "A change larger than this is cut into several assignments.",
    },
    quorum: {
      type: "string",
      pattern: "^(100|[1-9][0-9]?)%$|^[1-9][0-9]{0,5}$",
      default: "100%",
      description: "How many nodes must be able to take a change: a share like `80%`, or a number.",
    },
    belowQuorum: {
      type: "string",
      enum: ["defer", "cancel"],
      default: "defer",
      description: "What becomes of a job without a quorum: tried again after `retry`, or given up.",
    },
    commit: {
      type: "string",
      enum: ["auto", "manual"],
      default: "auto",
      description: "Whether a prepared change goes live by itself or waits for `distributary commit`.",
    },
    prepareTimeout: {
      type: "string",
      format: "duration",
      default: "1h",
      description: "How long nodes may take to have a change ready.",
    },
    commitTimeout: {
      type: "string",
      format: "duration",
      default: "2m",
      description: "How long nodes may take to go live.",
    },
    retry: {
      type: "string",
      format: "duration",
      default: "5m",
      description: "After how long a deferred job is tried again.",
    },
    keepVersions: { type: "integer", minimum: 2, maximum: 10_000, default: 10, description: "Versions control keeps." },
    keepCheckpoints: {
      type: "integer",
      minimum: 0,
      maximum: 10_000,
      default: 5,
      description: "Checkpoints control keeps.",
    },
    keepReleases: {
      type: "integer",
      minimum: 2,
      maximum: 1_000,
      default: 3,
      description: "Releases a node keeps on disk; two are live and backup.",
    },
    names: {
      type: "string",
      enum: ["any", "portable"],
      default: "any",
      description: "`portable` refuses file names that some systems cannot keep, before anything is sent.",
    },
    symlinks: {
      type: "string",
      enum: ["keep", "refuse"],
      default: "keep",
      description: "Whether a site may hold symbolic links.",
    },
    priority: {
      type: "string",
      default: "default",
      description: "What ranks nodes: who leads and who is served first.",
    },
    transport: { type: "string", default: "http", description: "How data travels between sites." },
    segmentTransport: {
      type: "string",
      default: "mctp",
      description:
        "How a leader brings data to all members of its segment at once, where multicast arrives; `none`: one by one.",
    },
    segmentCeilings: {
      type: "array",
      items: {
        type: "object",
        required: ["most"],
        properties: {
          most: { type: "string", format: "bytes", description: "What a leader may send a second, headers included." },
          hours: {
            type: "string",
            pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
            description: "When it counts, by the leader's clock: `08:00-18:00`. Absent: at all times.",
          },
        },
        description: "A ceiling; the first whose hours fit counts.",
      },
      maxItems: 100,
      default: [],
      description: "The most that leaders send to their segments, by the time of the day.",
    },
    interpreter: {
      type: "string",
      default: "native",
      description: "What carries a change out on a node; `native` is `posix` or `windows`, as the node is.",
    },
  },
} as const satisfies ObjectSchema;

export type Policy = Infer<typeof policySchema>;

const pieceLimits = { least: 4 * 2 ** 10, most: 64 * 2 ** 20 };

/** What is wrong between the values of a policy that are each valid, with paths from the policy. */
export function policyProblems(policy: Policy): Problem[] {
  const { pieceBytes, sectionBytes, prepareTimeout, commitTimeout, retry, segmentCeilings } = policy;
  const piece = parseBytes(pieceBytes);
  const { least, most } = pieceLimits;
  const durations = Object.entries({ prepareTimeout, commitTimeout, retry });
  return [
    ...(piece < least || piece > most
      ? [{ path: ["pieceBytes"], message: `must be between ${formatBytes(least)} and ${formatBytes(most)}` }]
      : []),
    ...(parseBytes(sectionBytes) < piece
      ? [{ path: ["sectionBytes"], message: "must be at least as large as `pieceBytes`" }]
      : []),
    ...durations
      .filter(([, text]) => parseDuration(text) === 0)
      .map(([name]) => ({ path: [name], message: "must be longer than nothing" })),
    ...segmentCeilings.flatMap(({ most }, index) =>
      parseBytes(most) > 0
        ? []
        : [{ path: ["segmentCeilings", index, "most"], message: "must be more than nothing, or nothing is ever sent" }],
    ),
  ];
}

/** The compressor a policy names for a file, `none` if no rule fits. */
export function compressorFor({ compress }: Policy, fileName: string): string {
  const type = /[^/]\.([^./]+)$/.exec(fileName)?.[1]?.toLowerCase();
  const rule = compress.find(({ types }) => types.includes("*") || (type !== undefined && types.includes(type)));
  return rule?.use ?? "none";
}

/** How many of `nodeCount` nodes a quorum asks for: a share is rounded up, and a number is at most all of them. */
export function quorumOf({ quorum }: Policy, nodeCount: number): number {
  const number = Number.parseInt(quorum, 10);
  return quorum.endsWith("%") ? Math.ceil((nodeCount * number) / 100) : Math.min(number, nodeCount);
}

/** A ceiling as leaders are told it: minutes since midnight, the end not included, across it if it is earlier. */
export function ceilingsOf({
  segmentCeilings,
}: Policy): { bytesPerSecond: number; fromMinute: number; toMinute: number }[] {
  return segmentCeilings.map(({ most, hours = "00:00-00:00" }) => {
    const [fromMinute = 0, toMinute = 0] = hours.split("-").map((time) => {
      const [hour = 0, minute = 0] = time.split(":").map(Number);
      return hour * 60 + minute;
    });
    return { bytesPerSecond: parseBytes(most), fromMinute, toMinute };
  });
}
