/**
 * Reads payloads: everything in them comes from a peer.
 *
 * @module
 */
import { ByteReader } from "../internal/byte_reader.ts";
import { ProtocolError } from "./error.ts";
import { decodeText } from "./text.ts";

/**
 * A cursor over one payload. Numbers read past the end are 0 until
 * {@linkcode PayloadReader.check} or {@linkcode PayloadReader.end} throws, so a
 * decoder reads all fields, calls one of them, and only then judges values.
 */
export class PayloadReader extends ByteReader {
  readonly #subject: string;

  /**
   * @param subject What is read, for error messages.
   * @param payload What to read; borrowed.
   */
  constructor(subject: string, payload: Uint8Array) {
    super(payload);
    this.#subject = subject;
  }

  /**
   * Reads 64 bits, little-endian, as a safe integer.
   *
   * @throws {ProtocolError} `PAYLOAD_INVALID` above 2^53 - 1.
   */
  override u53(): number {
    const low = this.u32();
    const high = this.u32();
    if (high > 0x1f_ffff) throw this.invalid("number is above 2^53 - 1");
    return high * 0x1_0000_0000 + low;
  }

  /**
   * Reads text with a u16 length.
   *
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID`.
   */
  text(): string {
    const bytes = this.bytes(this.u16());
    this.check();
    return this.#decode(bytes);
  }

  /**
   * Reads text to the end of the payload.
   *
   * @throws {ProtocolError} `PAYLOAD_INVALID`.
   */
  textToEnd(): string {
    return this.#decode(this.rest());
  }

  /**
   * Stops when something was read past the end.
   *
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED`.
   */
  check(): void {
    if (this.isFailed) {
      throw new ProtocolError(
        "PAYLOAD_TRUNCATED",
        `${this.#subject}: ends early, at ${this.buffer.length} bytes`,
        { fault: "peer" },
      );
    }
  }

  /**
   * Stops unless exactly the whole payload was read.
   *
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID`.
   */
  end(): void {
    this.check();
    if (this.remaining > 0) {
      throw this.invalid(`${this.remaining} bytes follow the last field`);
    }
  }

  /**
   * The error for a value that the layout does not allow.
   *
   * @param detail What is wrong.
   * @returns The error, to be thrown.
   */
  invalid(detail: string): ProtocolError {
    return new ProtocolError(
      "PAYLOAD_INVALID",
      `${this.#subject}: ${detail}`,
      { fault: "peer" },
    );
  }

  #decode(bytes: Uint8Array): string {
    const text = decodeText(bytes);
    if (text === undefined) throw this.invalid("text is not UTF-8");
    return text;
  }
}
