/**
 * Reads payloads: everything in them comes from a peer.
 *
 * @module
 */
import { ByteReader } from "../internal/byte_reader.ts";
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { ProtocolError } from "./error.ts";
import { decodeName, decodeText } from "./text.ts";

/**
 * A cursor over one payload. Numbers read past the end are 0 until
 * {@linkcode PayloadReader.check} or {@linkcode PayloadReader.end} throws, so a
 * decoder reads all fields, calls one of them, and only then judges values.
 */
export class PayloadReader extends ByteReader {
  readonly #subject: string;
  /** Where the part that is read begins. */
  #start = 0;

  /**
   * @param subject What is read, for error messages.
   * @param payload What to read; borrowed.
   */
  constructor(subject: string, payload: Uint8Array) {
    super(payload);
    this.#subject = subject;
  }

  /**
   * Goes on with another part of the payload, and with nothing beyond it: so that
   * one reader does for many small parts.
   *
   * @param start Index of its first byte.
   * @param length Its size, all of it there.
   */
  moveTo(start: number, length: number): void {
    this.#start = this.offset = start;
    this.limit = start + length;
    this.isFailed = false;
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
   * Reads a name with a u16 length: text of which the same comes again and again.
   *
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID`.
   */
  name(): string {
    const length = this.u16();
    const start = this.skip(length);
    this.check();
    return this.#checked(decodeName(this.buffer, start, start + length));
  }

  /**
   * Reads a name to the end of the payload.
   *
   * @throws {ProtocolError} `PAYLOAD_INVALID`.
   */
  nameToEnd(): string {
    const { remaining } = this;
    const start = this.skip(remaining);
    return this.#checked(decodeName(this.buffer, start, start + remaining));
  }

  /**
   * Reads text with a u16 length.
   *
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID`.
   */
  text(): string {
    const bytes = this.bytes(this.u16());
    this.check();
    return this.#checked(decodeText(bytes));
  }

  /**
   * Reads text to the end of the payload.
   *
   * @throws {ProtocolError} `PAYLOAD_INVALID`.
   */
  textToEnd(): string {
    return this.#checked(decodeText(this.rest()));
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
        `${this.#subject}: ends early, at ${this.limit - this.#start} bytes`,
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

  #checked(text: string | undefined): string {
    if (text === undefined) throw this.invalid("text is not UTF-8");
    return text;
  }
}

keepHiddenClass(new PayloadReader("", new Uint8Array()));
