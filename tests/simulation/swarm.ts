/**
 * What differs from one simulated run to the next. Everything is drawn from the
 * seed, and each fault is switched off altogether in half of the runs: a bug
 * that one fault hides is found where it is off.
 *
 * @module
 */
import type { EndpointOptions } from "../../transport/core/endpoint_options.ts";
import type { Suite } from "../../transport/core/suite.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { LinkOptions } from "../support/simulated_network.ts";

/** A time in which nothing arrives, counted from the start of the faults. */
export interface Blackout {
  /** When it starts. */
  readonly fromMs: number;
  /** When it ends. */
  readonly toMs: number;
}

/** Sizes of datagrams that ends send and paths carry, in bytes. */
const SIZES: readonly number[] = [1_200, 1_201, 1_472, 9_000, 65_507];

/** Tells the draws that came later from the first ones. */
const LATE_DRAWS = 0x4c617465;

/** Tells the draw of the suites from all others. */
const SUITE_DRAWS = 0x53756974;

/** What an end may be set to; any two have a suite in common. */
const SUITE_ORDERS: readonly (readonly Suite[])[] = [
  ["aes-256-gcm", "chacha20-poly1305"],
  ["chacha20-poly1305", "aes-256-gcm"],
  ["x25519-mlkem768-chacha20-poly1305", "chacha20-poly1305"],
  ["chacha20-poly1305", "x25519-mlkem768-chacha20-poly1305"],
  ["x25519-mlkem768-chacha20-poly1305", "chacha20-poly1305", "aes-256-gcm"],
];

/** What one run is made of. */
export interface Swarm {
  /** How the links behave until they are healed. */
  readonly link: Partial<LinkOptions>;
  /** When nothing arrives. */
  readonly blackouts: readonly Blackout[];
  /** When the path carries 1,200 bytes only from then on, if it does. */
  readonly narrowAtMs: number | undefined;
  /** When the initiator appears at another address, counted like the others. */
  readonly movesAtMs: readonly number[];
  /** How often it knows that it has moved, and changes its connection id. */
  readonly knownMoveRate: number;
  /** Configuration of the initiator. */
  readonly client: Partial<EndpointOptions>;
  /** Configuration of the responder. */
  readonly server: Partial<EndpointOptions>;
  /** Connections side by side. */
  readonly connectionCount: number;
  /** Whether the initiator knows the responder's key. */
  readonly isKeyKnown: boolean;
  /** How long the faults last. */
  readonly faultMs: number;
  /** When a connection is closed in the midst of everything, if it is. */
  readonly closeAtMs: number | undefined;
  /** Which ends close then. */
  readonly closers: readonly ("client" | "server")[];
  /** Tasks of each end of each connection. */
  readonly taskCount: number;
  /** Longest stream, in bytes. */
  readonly maxStreamBytes: number;
  /** How often an end takes what has arrived without being slow. */
  readonly readRate: number;
}

/**
 * Draws a run.
 *
 * @param random Where everything comes from.
 * @returns What it is made of.
 */
export function drawSwarm(random: SeededRandom): Swarm {
  const maybe = <T, U>(value: () => T, otherwise: U): T | U =>
    random.isHit(0.5) ? value() : otherwise;
  const between = (low: number, high: number): number =>
    low + random.nextInteger(high - low + 1);
  const isNarrow = random.isHit(0.4);
  const isBulky = random.isHit(0.3);
  const limits = (): Partial<EndpointOptions> => ({
    ...maybe(() => ({ maxDataBytes: between(1_200, 40_000) }), {}),
    ...maybe(() => ({ maxStreamDataBytes: between(1_200, 20_000) }), {}),
    ...maybe(() => ({ sendBufferBytes: between(500, 20_000) }), {}),
    ...maybe(() => ({ maxBidiStreams: between(1, 4) }), {}),
    ...maybe(() => ({ maxUniStreams: between(1, 4) }), {}),
    ...maybe(() => ({ maxAckDelayMs: between(0, 100) }), {}),
    ...maybe(() => ({ datagramQueueLength: between(0, 8) }), {}),
    ...maybe(() => ({ ackElicitingThreshold: between(1, 10) }), {}),
    ...maybe(() => ({ maxDatagramBytes: SIZES[random.nextInteger(5)]! }), {}),
  });
  const faultMs = between(500, 6_000);
  const closeAtMs = random.isHit(0.15) ? between(0, faultMs) : undefined;
  const blackouts = maybe(() => {
    const fromMs = between(0, faultMs);
    return [{ fromMs, toMs: fromMs + between(100, 3_000) }];
  }, []);
  // Drawn apart, so that the seeds of earlier findings stay what they were.
  const late = new SeededRandom(random.seed ^ LATE_DRAWS);
  const keys = (): Partial<EndpointOptions> =>
    late.isHit(0.5) ? { keyUpdatePackets: 1 + late.nextInteger(40) } : {};
  const moveCount = late.isHit(0.3) ? 1 + late.nextInteger(5) : 0;
  const movesAtMs = Array.from(
    { length: moveCount },
    () => late.nextInteger(faultMs),
  );
  const ids = (): Partial<EndpointOptions> =>
    late.isHit(0.3) ? { maxConnectionIds: 1 + late.nextInteger(5) } : {};
  const agreed = new SeededRandom(random.seed ^ SUITE_DRAWS);
  const suites = (): Partial<EndpointOptions> =>
    agreed.isHit(0.4)
      ? { suites: SUITE_ORDERS[agreed.nextInteger(SUITE_ORDERS.length)]! }
      : {};
  return {
    movesAtMs,
    knownMoveRate: late.isHit(0.7) ? late.next() : 0,
    link: {
      latencyMs: between(0, 120),
      jitterMs: maybe(() => between(1, 60), 0),
      lossRate: maybe(() => random.next() * 0.2, 0),
      duplicateRate: maybe(() => random.next() * 0.2, 0),
      corruptRate: maybe(() => random.next() * 0.1, 0),
      mtuBytes: SIZES[random.nextInteger(5)]!,
      ...(isNarrow
        ? {
          bandwidthBytesPerSecond: between(30_000, 1_000_000),
          queueBytes: between(4_000, 64_000),
        }
        : {}),
    },
    blackouts,
    narrowAtMs: random.isHit(0.3) ? between(0, faultMs) : undefined,
    client: { ...limits(), ...keys(), ...ids(), ...suites() },
    server: { ...limits(), ...keys(), ...ids(), ...suites() },
    connectionCount: between(1, 2),
    isKeyKnown: random.isHit(0.5),
    faultMs,
    closeAtMs,
    closers: random.isHit(0.3)
      ? ["client", "server"]
      : [random.isHit(0.5) ? "client" : "server"],
    taskCount: isBulky ? between(1, 2) : between(1, 20),
    maxStreamBytes: isBulky ? 150_000 : 8_000,
    readRate: maybe(() => random.next(), 1),
  };
}
