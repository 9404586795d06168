/**
 * Tries one input and says what was wrong with the outcome: an exception, too
 * much time, or too much memory.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { getHeapStatistics } from "node:v8";
import { DEFAULT_BUDGET, type FuzzTarget } from "./target.ts";

/** What is wrong with an input. */
export interface Fault {
  /** Which kind. */
  readonly kind: "thrown" | "slow" | "memory";
  /** One line; the same for inputs that fail in the same way. */
  readonly summary: string;
  /** Everything known. */
  readonly detail: string;
}

/** What came of an input. */
export type TrialOutcome =
  | { readonly signature: string; readonly fault?: undefined }
  | { readonly fault: Fault };

/** How often a slow or greedy input is tried again before it counts as one. */
const RETRY_COUNT = 4;

/** What takes this long has no excuse, in milliseconds. */
const MAX_RETRIED_MS = 2_000;

/** Statistics of the heap, with the counter that newer engines add. */
type HeapStatistics = ReturnType<typeof getHeapStatistics> & {
  readonly total_allocated_bytes?: number;
};

interface Measured {
  readonly signature: string;
  /** What it took of a processor: a process that is stopped or held up is not slow. */
  readonly durationMs: number;
  /** Allocated on the heap. */
  readonly heapBytes: number;
  /** Growth of what is beside it, such as buffers: less than nothing when some were freed. */
  readonly externalBytes: number;
}

/**
 * Tries an input.
 *
 * @param target What to try.
 * @param input The input; borrowed.
 * @returns Its signature, or what is wrong.
 */
export function tryInput(target: FuzzTarget, input: Uint8Array): TrialOutcome {
  const budget = target.budget ?? DEFAULT_BUDGET;
  const limitMs = budget.baseMs + budget.perKibMs * input.length / 1024;
  const limitBytes = budget.baseBytes + budget.perByteBytes * input.length;
  try {
    let best = measure(target, input);
    // Another process, the compiler or a collection may have been in the way.
    for (
      let retry = 0;
      retry < RETRY_COUNT && best.durationMs < MAX_RETRIED_MS &&
      (best.durationMs > limitMs || allocatedBytesOf(best) > limitBytes);
      retry++
    ) {
      best = betterOf(best, measure(target, input));
    }
    const { signature, durationMs } = best;
    const allocatedBytes = allocatedBytesOf(best);
    if (durationMs > limitMs) {
      return overBudget(
        "slow",
        "time",
        `${durationMs.toFixed(1)} ms`,
        `${limitMs.toFixed(1)} ms`,
      );
    }
    if (allocatedBytes > limitBytes) {
      return overBudget(
        "memory",
        "memory",
        `${allocatedBytes} bytes`,
        `${limitBytes} bytes`,
      );
    }
    return { signature };
  } catch (error) {
    return { fault: thrownFault(error) };
  }
}

function overBudget(
  kind: "slow" | "memory",
  what: string,
  took: string,
  limit: string,
): TrialOutcome {
  return {
    fault: {
      kind,
      summary: `too much ${what}`,
      detail: `took ${took} at best, at most ${limit} are allowed`,
    },
  };
}

function thrownFault(error: unknown): Fault {
  if (!(error instanceof Error)) {
    return {
      kind: "thrown",
      summary: `threw a ${typeof error}`,
      detail: String(error),
    };
  }
  const place = error.stack?.split("\n").find((line) =>
    line.includes(".ts:") && !line.includes("/tests/fuzz/target.ts")
  );
  const text = error.message.split("\n")[0]!.replace(/\d+/g, "#").slice(0, 160);
  return {
    kind: "thrown",
    summary: `${error.name}: ${text} ${place?.trim() ?? ""}`,
    detail: error.stack ?? String(error),
  };
}

function measure(target: FuzzTarget, input: Uint8Array): Measured {
  const before: HeapStatistics = getHeapStatistics();
  const usedBefore = processorMs();
  const startedAt = performance.now();
  const signature = target.run(input);
  const elapsedMs = performance.now() - startedAt;
  // The processor's time holds that of helper threads, the clock's does not.
  const durationMs = Math.min(elapsedMs, processorMs() - usedBefore);
  const after: HeapStatistics = getHeapStatistics();
  return {
    signature,
    durationMs,
    heapBytes: heapBytes(after) - heapBytes(before),
    externalBytes: after.external_memory - before.external_memory,
  };
}

function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

function betterOf(one: Measured, other: Measured): Measured {
  return {
    signature: one.signature,
    durationMs: Math.min(one.durationMs, other.durationMs),
    heapBytes: Math.min(one.heapBytes, other.heapBytes),
    // Nobody else allocates buffers, but what an earlier trial left may be freed.
    externalBytes: Math.max(one.externalBytes, other.externalBytes),
  };
}

function allocatedBytesOf({ heapBytes, externalBytes }: Measured): number {
  return heapBytes + Math.max(0, externalBytes);
}

/** Bytes allocated so far where that is counted; what is in use elsewhere. */
function heapBytes(statistics: HeapStatistics): number {
  return statistics.total_allocated_bytes ?? statistics.used_heap_size;
}
