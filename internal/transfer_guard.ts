/**
 * Keeps memory that many share from being transferred away by one of them.
 *
 * @module
 */
import { builtinModule } from "./builtin_module.ts";

/** The part of `node:worker_threads` that is used here. */
interface WorkerThreadsLike {
  markAsUntransferable?(buffer: ArrayBuffer): void;
}

type Guard = (buffer: ArrayBuffer) => void;

/** Found for the first buffer: loading the module takes milliseconds. */
let guard: Guard | undefined;

function findGuard(): Guard {
  const module = builtinModule("node:worker_threads") as
    | WorkerThreadsLike
    | undefined;
  try {
    module?.markAsUntransferable?.(new ArrayBuffer(0));
  } catch {
    return () => {}; // some runtimes have it by name only
  }
  return module?.markAsUntransferable ?? (() => {});
}

/**
 * Has the runtime refuse to detach a buffer, or copy it instead, when somebody
 * transfers it with a message. Does nothing where the runtime cannot.
 *
 * @param buffer Memory that is shared.
 */
export function guardFromTransfer(buffer: ArrayBuffer): void {
  guard ??= findGuard();
  guard(buffer);
}
