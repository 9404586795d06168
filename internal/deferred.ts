/**
 * A promise that is settled from outside.
 *
 * @module
 */

/** A promise and what settles it. `Promise.withResolvers` is missing in Node 20. */
export interface Deferred<T> {
  /** The promise. Nobody has to observe its rejection. */
  readonly promise: Promise<T>;
  /** Fulfils it. */
  resolve(value: T): void;
  /** Rejects it. */
  reject(reason: unknown): void;
}

function ignore(): void {}

/**
 * Creates a promise whose rejection never counts as unhandled: whoever cares
 * awaits it, and a connection that dies must not end a process that does not.
 *
 * @returns The promise and what settles it.
 */
export function createDeferred<T>(): Deferred<T> {
  let resolve: (value: T) => void;
  let reject: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(ignore);
  return { promise, resolve: resolve!, reject: reject! };
}

/**
 * A rejected promise that nobody has to observe.
 *
 * @param reason Why.
 * @returns The promise.
 */
export function rejected<T>(reason: unknown): Promise<T> {
  const promise = Promise.reject<T>(reason);
  promise.catch(ignore);
  return promise;
}
