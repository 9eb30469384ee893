import { realDisk } from "../../../core/runtime/disk.ts";
import type { Disk } from "../../../sdk/index.ts";

/** Calls that change something, and those that make it durable. */
const changing = new Set<PropertyKey>([
  "open",
  "makeDirectory",
  "link",
  "symlink",
  "rename",
  "unlink",
  "removeDirectory",
  "chmod",
  "setMtime",
  "sync",
  "syncTree",
]);

/**
 * The disk of this host with `/srv` in another place. `onChange` is called before each call that changes something,
 * with how many there were before.
 */
export function rootedDisk(root: string, onChange: (count: number) => void = () => {}): Disk {
  let count = 0;
  const place = (value: unknown) => (typeof value === "string" && value.startsWith("/srv") ? root + value : value);
  return new Proxy(realDisk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (changing.has(name)) onChange(count++);
        return Reflect.apply(value, target, args.map(place)) as unknown;
      };
    },
  });
}
