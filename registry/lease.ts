/**
 * Leases: how long each agent may stay without a word.
 *
 * @module
 */
import { assert } from "../internal/assert.ts";
import type { Instant } from "../internal/instant.ts";
import { MISSED_HEARTBEATS_TO_RETIRE } from "./config.ts";

/** A promise to keep a record until a moment. */
export interface Lease {
  /** Whose record it is. */
  readonly agentId: string;
  /** How long the lease lasts after each heartbeat, in milliseconds. */
  readonly ttlMs: number;
  /** How often the agent should send a heartbeat, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** When the record is retired unless a heartbeat comes before. */
  readonly expiresAt: Instant;
}

/**
 * How often to send heartbeats so that a lease ends with the third missed one.
 *
 * @param ttlMs How long the lease lasts, in milliseconds.
 * @returns At least 1 millisecond.
 */
export function heartbeatIntervalMs(ttlMs: number): number {
  return Math.max(1, Math.floor(ttlMs / MISSED_HEARTBEATS_TO_RETIRE));
}

interface HeapNode {
  readonly agentId: string;
  ttlMs: number;
  expiresAt: Instant;
  index: number;
}

/**
 * All leases of a registry, earliest expiry first: a binary heap whose nodes
 * know their place, so that a heartbeat costs O(log n).
 */
export class LeaseTable {
  readonly #nodes: Map<string, HeapNode> = new Map();
  readonly #heap: HeapNode[] = [];

  /** How many leases there are, expired ones included until taken. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the next lease ends; `undefined` when there is none. */
  get nextExpiry(): Instant | undefined {
    return this.#heap[0]?.expiresAt;
  }

  /**
   * Starts a lease, or starts it again with another length.
   *
   * @param now The time.
   * @param agentId Whose lease.
   * @param ttlMs Its length, in milliseconds.
   */
  grant(now: Instant, agentId: string, ttlMs: number): Lease {
    let node = this.#nodes.get(agentId);
    if (node === undefined) {
      node = { agentId, ttlMs, expiresAt: now + ttlMs, index: this.size };
      this.#nodes.set(agentId, node);
      this.#heap.push(node);
    } else {
      node.ttlMs = ttlMs;
      node.expiresAt = now + ttlMs;
    }
    this.#settle(node);
    const { expiresAt } = node;
    return {
      agentId,
      ttlMs,
      heartbeatIntervalMs: heartbeatIntervalMs(ttlMs),
      expiresAt,
    };
  }

  /**
   * Renews a lease that has not ended.
   *
   * @param now The time.
   * @param agentId Whose lease.
   * @returns Whether there was one.
   */
  renew(now: Instant, agentId: string): boolean {
    const node = this.#nodes.get(agentId);
    if (node === undefined || node.expiresAt <= now) return false;
    node.expiresAt = now + node.ttlMs;
    this.#settle(node);
    return true;
  }

  /**
   * Whether the agent holds a lease that has not ended.
   *
   * @param now The time.
   * @param agentId Whose lease.
   */
  isAlive(now: Instant, agentId: string): boolean {
    const node = this.#nodes.get(agentId);
    return node !== undefined && node.expiresAt > now;
  }

  /**
   * Drops a lease.
   *
   * @param agentId Whose lease.
   * @returns Whether there was one.
   */
  remove(agentId: string): boolean {
    const node = this.#nodes.get(agentId);
    if (node === undefined) return false;
    this.#nodes.delete(agentId);
    const last = this.#heap.pop();
    assert(last !== undefined, "a lease in the map is in the heap");
    if (last !== node) {
      this.#place(last, node.index);
      this.#settle(last);
    }
    return true;
  }

  /**
   * The agents whose lease has ended, earliest first. They stay until removed.
   *
   * @param now The time.
   */
  expired(now: Instant): string[] {
    const found: HeapNode[] = [];
    // Only expired nodes can have expired children: the walk visits at most
    // twice as many nodes as it finds.
    const pending = [0];
    for (
      let index = pending.pop();
      index !== undefined;
      index = pending.pop()
    ) {
      const node = this.#heap[index];
      if (node === undefined || node.expiresAt > now) continue;
      found.push(node);
      pending.push(2 * index + 1, 2 * index + 2);
    }
    found.sort((a, b) => a.expiresAt - b.expiresAt);
    return found.map((node) => node.agentId);
  }

  #place(node: HeapNode, index: number): void {
    node.index = index;
    this.#heap[index] = node;
  }

  /** Moves a node up or down to where its expiry belongs. */
  #settle(node: HeapNode): void {
    const heap = this.#heap;
    while (node.index > 0) {
      const parent = heap[(node.index - 1) >>> 1]!;
      if (parent.expiresAt <= node.expiresAt) break;
      const { index } = parent;
      this.#place(parent, node.index);
      this.#place(node, index);
    }
    for (;;) {
      const left = heap[2 * node.index + 1];
      const right = heap[2 * node.index + 2];
      const child = right !== undefined && right.expiresAt < left!.expiresAt
        ? right
        : left;
      if (child === undefined || child.expiresAt >= node.expiresAt) return;
      const { index } = child;
      this.#place(child, node.index);
      this.#place(node, index);
    }
  }
}
