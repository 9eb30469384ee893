import { printable } from "./path.ts";

/** `$`-names are Windows' own consoles; the superscripts count as digits there. */
const deviceName = /^(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])( *\..*| *)$/i;

/**
 * Why a path cannot be the same name on Linux, macOS and Windows alike; undefined if it can. Names must be text
 * without control characters, `<>:"|?*` and `\`, not end in a dot or a space, and not be a device like `CON` or
 * `aux.txt`. Two names that differ only in case or in Unicode composition are not seen here.
 */
export function refusePortable(path: string): string | undefined {
  for (const name of path.split("/")) {
    if (!name.isWellFormed()) return `'${printable(name)}' is not text`;
    const odd = /[\u0000-\u001f<>:"|?*\\]/.exec(name)?.[0];
    if (odd !== undefined) return `'${printable(name)}' holds '${printable(odd)}'`;
    if (/[. ]$/.test(name)) return `'${printable(name)}' ends in a dot or a space`;
    if (deviceName.test(name)) return `'${printable(name)}' is the name of a device`;
  }
  return undefined;
}
