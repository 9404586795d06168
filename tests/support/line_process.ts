/**
 * A script as a process of its own that is spoken to in lines.
 *
 * @module
 */

/** A running script. */
export class LineProcess {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;

  /**
   * Starts a script.
   *
   * @param script Where it is.
   * @param args Its arguments.
   * @param permissions What it may do beside the network and asking for its
   * memory, as options of `deno run`.
   * @param env Variables of its environment, beside those of this process.
   */
  constructor(
    script: URL,
    args: readonly string[] = [],
    permissions: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-check",
        "--unstable-net",
        "--allow-net",
        "--allow-sys",
        ...permissions,
        script.href,
        ...args,
      ],
      env,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#lines = linesOf(this.#process.stdout);
  }

  /** The next line that it prints. */
  async read(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The process ended before it answered");
    return value;
  }

  /** Sends it a line, which tells it to go on. */
  async tell(): Promise<void> {
    await this.#writer.write(Uint8Array.of(10));
  }

  /** Waits for the line that answers one. */
  async ask(): Promise<string> {
    await this.tell();
    return await this.read();
  }

  /** Closes its standard input, which ends it, and waits. */
  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    while (!(await this.#lines.next()).done);
    await this.#process.status;
  }
}

/**
 * The other side of {@linkcode LineProcess.ask}: answers each line of standard
 * input until it ends. Lines may arrive together.
 *
 * @param answer Makes one line.
 */
export async function answerLines(answer: () => string): Promise<void> {
  for await (const bytes of Deno.stdin.readable) {
    for (const byte of bytes) if (byte === 10) printLine(answer());
  }
}

/**
 * Prints a line on standard output.
 *
 * @param line Without its end.
 */
export function printLine(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
