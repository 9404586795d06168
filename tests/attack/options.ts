/**
 * The command line of `deno task attack`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { choiceOption, countOption, secondsOption } from "../../tools/task.ts";
import type { FloodKind } from "./flood_datagrams.ts";
import type { TrialOptions } from "./trial.ts";

/** What is asked for. */
export interface AttackOptions {
  /** What is sent, one after the other. */
  readonly floods: readonly Pick<
    TrialOptions,
    "kind" | "datagramsPerSecond"
  >[];
  /** How long each takes. */
  readonly seconds: number;
  /** Whether the node may use the carrier of the C library. */
  readonly isFfiAllowed: boolean;
}

const KINDS: readonly FloodKind[] = ["garbage", "hello"];

/** Datagrams per second by default. */
const RATES: Readonly<Record<FloodKind, number>> = {
  garbage: 100_000,
  hello: 20_000,
};

const DEFAULT_SECONDS = 10;

/** What `--help` prints. */
export const HELP: string = `Floods a node on loopback while a client calls it.

  --seconds N    how long each flood takes, ${DEFAULT_SECONDS} when absent
  --rate N       datagrams per second, ${RATES.garbage} of garbage and
                 ${RATES.hello} hellos when absent
  --only KIND    ${KINDS.join(" or ")}
  --ffi          the node may use the carrier of the C library
  --help
`;

/**
 * Reads the command line.
 *
 * @param args Without the program.
 * @returns What is asked for.
 * @throws {TaskUsageError} For a flood that does not exist or a number that is
 * none.
 */
export function parseOptions(args: readonly string[]): AttackOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string" },
      rate: { type: "string" },
      only: { type: "string" },
      ffi: { type: "boolean", default: false },
    },
  });
  const only = choiceOption("only", values.only, KINDS);
  const rate = countOption("rate", values.rate);
  return {
    floods: (only === undefined ? KINDS : [only]).map((kind) => ({
      kind,
      datagramsPerSecond: rate ?? RATES[kind],
    })),
    seconds: secondsOption("seconds", values.seconds) ?? DEFAULT_SECONDS,
    isFfiAllowed: values.ffi,
  };
}
