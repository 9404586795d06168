/**
 * Connections that are over and not forgotten yet (RFC 9000 §10.2): the oldest of
 * them goes when there is no room for another connection.
 *
 * @module
 */

/**
 * The connections of an endpoint that are closing or draining.
 *
 * @typeParam T A connection.
 */
export class LingeringConnections<T extends { readonly state: string }> {
  /** In the order in which they ended. */
  readonly #all = new Set<T>();
  readonly #closing = new Set<T>();

  /** Whether a peer has not said yet that it knows of the end. */
  get isPeerUnaware(): boolean {
    return this.#closing.size > 0;
  }

  /** The one that ended first, if any. */
  get oldest(): T | undefined {
    const [oldest] = this.#all;
    return oldest;
  }

  /**
   * A connection has ended, or its end has come further.
   *
   * @param connection The connection.
   */
  follow(connection: T): void {
    this.#all.add(connection);
    if (connection.state === "closing") this.#closing.add(connection);
    else this.#closing.delete(connection);
  }

  /**
   * A connection is forgotten.
   *
   * @param connection The connection; others change nothing.
   */
  delete(connection: T): void {
    this.#all.delete(connection);
    this.#closing.delete(connection);
  }
}
