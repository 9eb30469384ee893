import { zstdDecompressSync } from "node:zlib";
import { decode, decodeFirst } from "cborg";
import { failure, refuseTarget } from "distributary/sdk";
import type { Command } from "distributary/sdk";
import { hashBytes, hashOf, toHex } from "../content/hash.ts";
import { blockBytes } from "./assignment.ts";
import type { Assignment, DataTable, Header, Part } from "./assignment.ts";
import { Fields, Refusal, demand, whole } from "./fields.ts";
import { fixedBytes, formatVersion, magic } from "./encode.ts";

/** What a node accepts at most; whatever is larger was not made by a control that means well. */
export const limits = {
  headerBytes: 64 << 20,
  commandBytes: 1 << 30,
  audienceNodes: 100_000,
  pieceBytes: [1 << 10, 64 << 20],
  parts: 1 << 20,
  /** What a cipher may add to a block. */
  sealBytes: 4096,
} as const;

const strict = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
  useMaps: true,
} as const;

/**
 * Reads a command buffer whose signature was found good. Throws DIST_ERR_ASSIGNMENT_FORMAT on anything that
 * `encodeAssignment` would not write, DIST_ERR_ASSIGNMENT_HASH if the trailer is not the hash of the commands.
 */
export function decodeAssignment(buffer: Uint8Array): Assignment {
  try {
    return readAssignment(Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength));
  } catch (error) {
    if (error instanceof Refusal)
      throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: error.message }, { cause: error });
    throw error;
  }
}

function readAssignment(buffer: Buffer): Assignment {
  demand(
    buffer.length >= fixedBytes + hashBytes && buffer.toString("latin1", 0, 4) === magic,
    "it does not begin like one",
  );
  demand(buffer.readUInt8(4) === formatVersion, `format version ${buffer[4]}`);
  const [headerBytes, bodyBytes, commandBytes] = [
    buffer.readUInt32BE(5),
    buffer.readUInt32BE(9),
    buffer.readUInt32BE(13),
  ];
  demand(headerBytes <= limits.headerBytes && commandBytes <= limits.commandBytes, "it is too large");
  demand(buffer.length === fixedBytes + headerBytes + bodyBytes + hashBytes, "its length is wrong");
  const bodyStart = fixedBytes + headerBytes;
  const body = buffer.subarray(bodyStart, bodyStart + bodyBytes);
  const header = readHeader(readCbor(buffer.subarray(fixedBytes, bodyStart)));
  const sequence = readBody(body, commandBytes, buffer.subarray(bodyStart + bodyBytes));
  const commands: Command[] = [];
  for (const command of decodeCommands(sequence)) {
    checkCommand(command, header);
    if (commands.length <= mostKept) commands.push(command);
  }
  const id = toHex(hashOf(buffer));
  return { id, header, commands: () => (commands.length > mostKept ? decodeCommands(sequence) : commands) };
}

/** So many commands stay in memory: decoding takes longer than what is done with them, but they may be endless. */
const mostKept = 1 << 20;

function readBody(body: Buffer, commandBytes: number, trailer: Uint8Array): Uint8Array {
  let commands: Buffer = body;
  try {
    if (commandBytes > 0) commands = zstdDecompressSync(body, { maxOutputLength: commandBytes });
  } catch (error) {
    throw new Refusal(`its body is damaged: ${(error as Error).message}`);
  }
  demand(commands.length === commandBytes, "the length of its commands is wrong");
  if (!Buffer.from(hashOf(commands)).equals(trailer)) throw failure("DIST_ERR_ASSIGNMENT_HASH", { what: "trailer" });
  return commands;
}

function readCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, strict);
  } catch (error) {
    throw new Refusal(`its header is damaged: ${(error as Error).message}`);
  }
}

function* decodeCommands(sequence: Uint8Array): Iterable<Command> {
  for (let rest = sequence; rest.length > 0;) {
    let value: unknown;
    try {
      [value, rest] = decodeFirst(rest, strict);
    } catch (error) {
      throw new Refusal(`a command is damaged: ${(error as Error).message}`);
    }
    yield readCommand(value);
  }
}

function readHeader(value: unknown): Header {
  const map = new Fields(value, "header");
  const type = map.oneOf("type", ["update", "commit", "rollback", "remove"] as const);
  const [index, count, ...more] = map.list("section").map((each) => whole(each, "section"));
  demand(index !== undefined && count !== undefined && more.length === 0, "its section is wrong");
  demand(index >= 1 && index <= count, "its section is wrong");
  const audience = new Fields(map.take("audience"), "audience");
  const previous = map.has("previous") ? new Fields(map.take("previous"), "previous") : undefined;
  const header: Header = {
    type,
    site: map.name("site"),
    serial: map.whole("serial", 1),
    section: [index, count],
    ...(map.has("after") ? { after: map.hash("after") } : {}),
    version: map.whole("version"),
    issuedAt: map.whole("issuedAt"),
    expiresAt: map.whole("expiresAt"),
    audience: { group: audience.name("group"), nodes: audience.texts("nodes", limits.audienceNodes) },
    ...(map.has("base") ? { base: map.hash("base") } : {}),
    result: map.hash("result"),
    ...(previous === undefined ? {} : { previous: { serial: previous.whole("serial", 1), id: previous.hash("id") } }),
    interpreter: map.text("interpreter"),
    keepReleases: map.whole("keepReleases", 2),
    diskBytes: map.whole("diskBytes"),
    data: readData(new Fields(map.take("data"), "data")),
    parts: map.list("parts").map((part) => readPart(new Fields(part, "part"))),
  };
  audience.end();
  previous?.end();
  map.end();
  checkParts(header);
  return header;
}

function readData(map: Fields): DataTable {
  const table = {
    sizeBytes: map.whole("sizeBytes"),
    pieceBytes: map.whole("pieceBytes"),
    pieceHashes: map.bytes("pieceHashes"),
  };
  map.end();
  const [least, most] = limits.pieceBytes;
  demand(table.pieceBytes >= least && table.pieceBytes <= most, `pieces of ${table.pieceBytes} bytes`);
  demand(
    table.pieceHashes.length === Math.ceil(table.sizeBytes / table.pieceBytes) * hashBytes,
    "its table of piece hashes is wrong",
  );
  return table;
}

function readPart(map: Fields): Part {
  const part: Part = {
    offset: map.whole("offset"),
    engine: map.text("engine"),
    base: map.paths("base"),
    sizeBytes: map.whole("sizeBytes"),
    deltaBytes: map.whole("deltaBytes"),
    compressor: map.text("compressor"),
    cipher: map.text("cipher"),
    blocks: map.list("blocks").map(readBlock),
  };
  map.end();
  demand(part.blocks.length === Math.ceil(part.deltaBytes / blockBytes), "a part has the wrong number of blocks");
  return part;
}

function readBlock(value: unknown): readonly [number, boolean] {
  demand(Array.isArray(value) && value.length === 2 && typeof value[1] === "boolean", "a block is wrong");
  const [storedBytes, compressed] = value as [unknown, boolean];
  const length = whole(storedBytes, "block");
  demand(length <= blockBytes + limits.sealBytes, `a block of ${length} bytes`);
  return [length, compressed];
}

/** Parts lie behind each other and fill the data exactly, so no byte is read twice or never. */
function checkParts({ parts, data }: Header): void {
  demand(parts.length <= limits.parts, "it has too many parts");
  let end = 0;
  for (const part of parts) {
    demand(part.offset === end, "a part is not where the one before it ends");
    end += part.blocks.reduce((sum, [storedBytes]) => sum + storedBytes, 0);
  }
  demand(end === data.sizeBytes, "its parts do not fill its data");
}

function readCommand(value: unknown): Command {
  const map = new Fields(value, "command");
  const kind = map.text("kind");
  const command = readKnown(kind, map);
  map.end();
  return command;
}

function readKnown(kind: string, map: Fields): Command {
  switch (kind) {
    case "remove":
      return { kind, path: map.path("path") };
    case "directory":
      return { kind, path: map.path("path"), mode: map.mode() };
    case "file":
      return {
        kind,
        path: map.path("path"),
        mode: map.mode(),
        mtimeMs: map.integer("mtimeMs"),
        sizeBytes: map.whole("sizeBytes"),
        hash: map.hash("hash"),
        part: map.whole("part"),
      };
    case "copy":
      return {
        kind,
        from: map.path("from"),
        path: map.path("path"),
        mode: map.mode(),
        mtimeMs: map.integer("mtimeMs"),
      };
    case "symlink": {
      const [path, target] = [map.path("path"), map.text("target")];
      const reason = refuseTarget(path, target);
      demand(reason === undefined, `link '${path}': ${reason}`);
      return { kind, path, target };
    }
    case "attributes":
      return {
        kind,
        path: map.path("path"),
        mode: map.mode(),
        ...(map.has("mtimeMs") ? { mtimeMs: map.integer("mtimeMs") } : {}),
      };
    default:
      demand(/^x-[a-z0-9-]{1,60}$/.test(kind), `a command of kind '${kind}'`);
      return { kind: kind as `x-${string}`, parameters: map.parameters("parameters") };
  }
}

function checkCommand(command: Command, header: Header): void {
  demand(header.type === "update", `a ${header.type} has no commands`);
  if (command.kind === "file")
    demand(command.part < header.parts.length, `part ${command.part} of ${header.parts.length}`);
}
