/** Writes numbers one behind the other, big endian. Room is made before. */
export class ByteWriter {
  readonly bytes: Buffer;
  at = 0;

  constructor(length: number) {
    this.bytes = Buffer.alloc(length);
  }

  whole(value: number, width: 1 | 2 | 3 | 4 | 5 | 6): void {
    this.bytes.writeUIntBE(value, this.at, width);
    this.at += width;
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  text(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.whole(bytes.length, 1);
    this.raw(bytes);
  }

  get written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }
}

/** Reads what `ByteWriter` wrote. Throws RangeError when there is less. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  whole(width: 1 | 2 | 3 | 4 | 5 | 6): number {
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }

  /** A view of the bytes read. */
  raw(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError("there are fewer bytes than said");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.raw(this.whole(1)).toString("latin1");
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
}
