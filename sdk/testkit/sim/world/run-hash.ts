/** 64 bits over everything that happened, in two halves; equal only for equal runs, as good as certainly. */
export class RunHash {
  #high = 0x9e3779b9 | 0;
  #low = 0x85ebca6b | 0;

  add(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(((this.#high << 13) | (this.#high >>> 19)) ^ this.#low ^ (value / 2 ** 32), 0x5bd1e995);
  }

  /** What stands in a value made of objects, lists, texts and numbers, whatever it is. */
  addValue(value: unknown): void {
    if (typeof value === "number") return this.add(value);
    if (typeof value === "string") return this.#addText(value);
    if (typeof value !== "object" || value === null) return this.add(value === true ? 1 : 2);
    for (const key in value) {
      this.#addText(key);
      this.addValue((value as Readonly<Record<string, unknown>>)[key]);
    }
  }

  toString(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #addText(text: string): void {
    this.add(text.length);
    for (let at = 0; at < text.length; at += 1) this.add(text.charCodeAt(at));
  }
}
