import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Fills a directory with pages of up to 3 KiB, a hundred to a folder. */
export function makeSmallFiles(directory: string, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const folder = join(directory, `d${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${index}.html`), `<p>${index}</p>\n`.repeat(1 + (index % 200)));
  }
}
