/**
 * `mxp` as a process of its own, with the permissions that `docs/cli.md` lists.
 *
 * @module
 */
const ROOT = new URL("../../", import.meta.url);

/** Options of `deno run`, as in `docs/cli.md`. */
export const MXP_PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--unstable-net",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env=MXP_NODE,MXP_QLOGDIR,MXP_KEYLOGFILE,HOME,XDG_CONFIG_HOME,APPDATA",
];

/** How a process ended. */
export interface Finished {
  /** Its exit code. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** A program, for example `deno run … cli/main.ts`. */
export interface Program {
  /** What to run. */
  readonly command: string;
  /** What comes before the words of the command line. */
  readonly args: readonly string[];
}

/** `mxp` from its source. */
export const MXP: Program = {
  command: Deno.execPath(),
  args: ["run", ...MXP_PERMISSIONS, new URL("cli/main.ts", ROOT).href],
};

/** Options of {@linkcode run}. */
export interface RunOptions {
  /** What it reads on standard input. */
  readonly input?: string | Uint8Array;
  /** Whether standard input is a pipe that stays open; {@linkcode Running} only. */
  readonly holdsInput?: boolean;
  /** Variables beside those of this process. */
  readonly env?: Record<string, string>;
  /**
   * What to run.
   *
   * @default {MXP}
   */
  readonly program?: Program;
}

function command(words: readonly string[], options: RunOptions): Deno.Command {
  const { command, args } = options.program ?? MXP;
  return new Deno.Command(command, {
    args: [...args, ...words],
    cwd: ROOT,
    env: { MXP_NODE: "", NO_COLOR: "1", ...options.env },
    stdin: options.input === undefined && !options.holdsInput
      ? "null"
      : "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/**
 * Runs one command line to its end.
 *
 * @param words The command line.
 * @param options Input, environment, program.
 * @returns How it ended.
 */
export async function run(
  words: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const process = command(words, options).spawn();
  if (options.input !== undefined) {
    const writer = process.stdin.getWriter();
    const { input } = options;
    await writer.write(
      typeof input === "string" ? new TextEncoder().encode(input) : input,
    );
    await writer.close();
  }
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** A process that runs until it is told to stop. */
export class Running {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #text = "";

  private constructor(process: Deno.ChildProcess, options: RunOptions) {
    this.#process = process;
    this.#input = options.holdsInput ? process.stdin.getWriter() : undefined;
    this.#stderr = new Response(process.stderr).text();
    this.#reader = process.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /**
   * Starts a process.
   *
   * @param words The command line.
   * @param options Input, environment, program.
   */
  static start(words: readonly string[], options: RunOptions = {}): Running {
    return new Running(command(words, options).spawn(), options);
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Writes to the standard input that is held.
   *
   * @param bytes What; more than a pipe holds waits until it is read.
   */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#input!.write(bytes);
  }

  /**
   * Waits until standard output holds something.
   *
   * @param pattern What.
   * @returns All of standard output so far.
   */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) {
      const { done, value } = await this.#reader.read();
      if (done) {
        throw new Error(
          `It ended without ${pattern}: ${this.#text}${await this.#stderr}`,
        );
      }
      this.#text += value;
    }
    return this.#text;
  }

  /**
   * Sends a signal and waits for the end.
   *
   * @param signal The signal.
   * @returns How it ended.
   */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<Finished> {
    this.#process.kill(signal);
    return await this.finish();
  }

  /**
   * Waits for the end.
   *
   * @returns How it ended.
   */
  async finish(): Promise<Finished> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.#text += value;
    }
    const { code } = await this.#process.status;
    await this.#input?.abort();
    return { code, stdout: this.#text, stderr: await this.#stderr };
  }
}
