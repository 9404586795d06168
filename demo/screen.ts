/**
 * Where the demo is seen.
 *
 * @module
 */

const CLEAR_LINE = "\r\x1b[2K";

/** Writes to the terminal, or to whatever stands for it. */
export class Screen {
  readonly #hasColor = Deno.stdout.isTerminal() && !Deno.noColor;
  #hasProgress = false;

  /**
   * Writes text.
   *
   * @param text The text, with its line breaks.
   */
  write(text: string): void {
    this.#endProgress();
    print(Deno.stdout, text);
  }

  /**
   * Makes a heading of a text.
   *
   * @param text The text.
   * @returns The text, bold where there is colour.
   */
  bold(text: string): string {
    return this.#paint("1", text);
  }

  /**
   * Makes a remark of a text.
   *
   * @param text The text.
   * @returns The text, dim where there is colour.
   */
  dim(text: string): string {
    return this.#paint("2", text);
  }

  /**
   * Shows how far something is, on a terminal.
   *
   * @param text A few words; the next output takes their place.
   */
  progress(text: string): void {
    if (!Deno.stderr.isTerminal()) return;
    print(Deno.stderr, `${CLEAR_LINE}${text}`);
    this.#hasProgress = true;
  }

  /**
   * Says what went wrong.
   *
   * @param message One line.
   */
  fail(message: string): void {
    this.#endProgress();
    print(Deno.stderr, `demo: ${message.replace(/\p{Cc}/gu, "?")}\n`);
  }

  #endProgress(): void {
    if (!this.#hasProgress) return;
    this.#hasProgress = false;
    print(Deno.stderr, CLEAR_LINE);
  }

  #paint(code: string, text: string): string {
    return this.#hasColor ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

function print(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let sent = 0; sent < bytes.length;) {
      sent += stream.writeSync(bytes.subarray(sent));
    }
  } catch {
    // Nobody looks any more: the demo ends all the same.
  }
}
