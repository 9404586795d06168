/**
 * The loop: take an input that did something new, change it, try it, keep it
 * if it does something new again.
 *
 * @module
 */
import { SeededRandom } from "../support/seeded_random.ts";
import { Mutator } from "./mutator.ts";
import type { FuzzTarget } from "./target.ts";
import { type Fault, tryInput } from "./trial.ts";

/** An input that broke something. */
export interface Finding {
  /** What it broke. */
  readonly fault: Fault;
  /** The input, made as short as a short search can. */
  readonly input: Uint8Array;
}

/** An input that did something new. */
export interface KeptInput {
  /** The input. */
  readonly input: Uint8Array;
  /** What it did. */
  readonly signature: string;
}

/** What a run is made from. */
export interface FuzzOptions {
  /** What to try. */
  readonly target: FuzzTarget;
  /** Inputs to start from, beside the target's own. */
  readonly corpus: readonly Uint8Array[];
  /** Everything random is drawn from it. */
  readonly seed: number;
  /** Ends the run; asked before each input. */
  readonly isOver: (runCount: number) => boolean;
  /** Frees what is garbage, where the engine was started so that it can. */
  readonly collectGarbage?: (() => void) | undefined;
}

/** What came of a run. */
export interface FuzzReport {
  /** Inputs that were tried. */
  readonly runCount: number;
  /** Inputs that did something new. */
  readonly kept: readonly KeptInput[];
  /** Inputs that broke something, one of each kind. */
  readonly findings: readonly Finding[];
  /** Growth of the heap between the first tenth of the run and its end, in bytes. */
  readonly heapGrowthBytes: number;
}

/** Inputs that are kept; a signature that tells too much would keep them all. */
const MAX_KEPT = 4_000;

/** Different findings after which a run ends. */
const MAX_FINDINGS = 10;

/** Share of inputs that are made from one of the newest. */
const NEWEST_SHARE = 0.4;

/** How many count as the newest. */
const NEWEST_COUNT = 16;

/** Attempts to shorten a finding. */
const MAX_SHRINK_RUNS = 2_000;

const EMPTY = new Uint8Array(0);

/** Inputs after which the heap is measured for the first time. */
const WARM_UP_RUNS = 5_000;

/**
 * Fuzzes a target.
 *
 * @param options Target, corpus, seed and end.
 * @returns What came of it.
 */
export function fuzz(options: FuzzOptions): FuzzReport {
  const { target, isOver } = options;
  const random = new SeededRandom(options.seed);
  const seeds = target.seeds();
  const mutator = new Mutator({
    random,
    maxLength: target.maxLength ?? 4096,
    dictionary: target.dictionary ?? [],
  });
  const seen = new Set<string>();
  const kept: KeptInput[] = [];
  const findings = new Map<string, Finding>();
  let runCount = 0;
  let heapBefore: number | undefined;

  const run = (input: Uint8Array): void => {
    runCount++;
    const outcome = tryInput(target, input);
    if (outcome.fault !== undefined) {
      const { fault } = outcome;
      if (findings.has(fault.summary)) return;
      findings.set(fault.summary, shrink(target, { fault, input }));
      return;
    }
    let isNew = false;
    for (const word of outcome.signature.split(" ")) {
      if (seen.has(word)) continue;
      seen.add(word);
      isNew = true;
    }
    if (isNew && kept.length < MAX_KEPT) {
      kept.push({ input, signature: outcome.signature });
    }
  };

  for (const input of [...seeds, ...options.corpus]) run(input);
  const isEnough = (): boolean =>
    findings.size >= MAX_FINDINGS ||
    // More of the same would take the rest of the time.
    [...findings.values()].some(({ fault }) => fault.kind === "slow");
  while (!isOver(runCount) && !isEnough()) {
    if (runCount === WARM_UP_RUNS) heapBefore = heapBytes(options);
    run(mutator.mutate(pick(kept, random), pick(kept, random)));
  }
  const heapGrowthBytes = heapBefore === undefined
    ? 0
    : heapBytes(options) - heapBefore;
  return { runCount, kept, findings: [...findings.values()], heapGrowthBytes };
}

function pick(kept: readonly KeptInput[], random: SeededRandom): Uint8Array {
  const { length } = kept;
  const count = random.isHit(NEWEST_SHARE)
    ? Math.min(NEWEST_COUNT, length)
    : length;
  return kept[length - 1 - random.nextInteger(count)]?.input ?? EMPTY;
}

function heapBytes({ collectGarbage }: FuzzOptions): number {
  if (collectGarbage === undefined) return 0;
  // The second time takes what the first has let go, such as buffers.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Leaves out parts as long as the same thing breaks. */
function shrink(target: FuzzTarget, finding: Finding): Finding {
  // What was too slow would be too slow to shorten.
  if (finding.fault.kind !== "thrown") return finding;
  let { input } = finding;
  let runCount = 0;
  for (let size = input.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < input.length;) {
      if (++runCount > MAX_SHRINK_RUNS) return { fault: finding.fault, input };
      const shorter = new Uint8Array(Math.max(0, input.length - size));
      shorter.set(input.subarray(0, Math.min(at, shorter.length)));
      shorter.set(
        input.subarray(at + size).subarray(0, shorter.length),
        Math.min(at, shorter.length),
      );
      const outcome = tryInput(target, shorter);
      if (outcome.fault?.summary === finding.fault.summary) input = shorter;
      else at += size;
    }
  }
  return { fault: finding.fault, input };
}
