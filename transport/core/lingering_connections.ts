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
  // Each in the order in which they came there.
  readonly #closing = new Set<T>();
  readonly #draining = new Set<T>();

  /** Whether a peer has not said yet that it knows of the end. */
  get isPeerUnaware(): boolean {
    return this.#closing.size > 0;
  }

  /** The one to be missed least, if any: the first of those whose peer knows, else of all. */
  get oldest(): T | undefined {
    const [draining] = this.#draining;
    if (draining !== undefined) return draining;
    const [closing] = this.#closing;
    return closing;
  }

  /**
   * A connection has ended, or its end has come further.
   *
   * @param connection The connection.
   */
  follow(connection: T): void {
    if (connection.state === "closing") this.#closing.add(connection);
    else {
      this.#closing.delete(connection);
      this.#draining.add(connection);
    }
  }

  /**
   * A connection is forgotten.
   *
   * @param connection The connection; others change nothing.
   */
  delete(connection: T): void {
    this.#closing.delete(connection);
    this.#draining.delete(connection);
  }
}
