/**
 * A simulated run of the transport: two endpoints, one seed, many faults.
 *
 * Phase one: the network misbehaves, and nothing wrong may ever happen: wrong
 * or repeated bytes, an end that was not sent, too much in flight. Phase two:
 * the network is healed, and everything finishes, down to empty endpoints.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from "../../transport/core/config.ts";
import type { Connection } from "../../transport/core/connection.ts";
import { CLIENT_ADDRESS, Pair, type PairEnd } from "../support/pair.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { PeerModel } from "./peer_model.ts";
import { drawSwarm, type Swarm } from "./swarm.ts";

/** Virtual time between two turns of the applications. */
const TICK_MS = 50;

/** Virtual time in which everything has to finish once the network is healed. */
const HEAL_LIMIT_MS = 120_000;

/**
 * A handshake that takes the initiator so long may be over for the responder,
 * who began to count earlier, before its last message arrives.
 */
const LATE_HANDSHAKE_MS = DEFAULT_HANDSHAKE_TIMEOUT_MS / 2;

/** Probes pass the window: two for a timeout, and one for the packet size. */
const MAX_PROBE_BYTES = 2 * 1_200 + 65_507;

/** Close code of the connections that are closed on purpose. */
const CLOSE_CODE = 0x142;

/** What came out of a run. */
export interface SimulationReport {
  /** Connections that stood. */
  readonly establishedCount: number;
  /** Connections that the faults have killed. */
  readonly lostCount: number;
  /** Datagrams that were sent. */
  readonly datagramCount: number;
}

/**
 * Runs a simulation.
 *
 * @param seed Everything follows from it.
 * @returns What happened.
 * @throws {AssertionError} When something did that must not.
 */
export function simulateTransport(seed: number): SimulationReport {
  return new Simulation(seed).run();
}

/** Both ends of one connection. */
interface Couple {
  readonly client: PeerModel;
  readonly server: PeerModel;
}

class Simulation {
  readonly #random: SeededRandom;
  readonly #swarm: Swarm;
  readonly #pair: Pair;
  readonly #models = new Map<Connection, PeerModel>();
  readonly #couples: Couple[] = [];
  readonly #widestWindows = new Map<Connection, number>();
  /** Drawn apart, so that the seeds of earlier findings stay what they were. */
  readonly #moves: SeededRandom;
  #moveCount = 0;
  #lostCount = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#moves = new SeededRandom(~seed);
    this.#swarm = drawSwarm(this.#random);
    const { link, client, server } = this.#swarm;
    this.#pair = new Pair({ seed, link, client, server });
    for (const end of [this.#pair.client, this.#pair.server]) {
      end.onEvent = (connection, event) =>
        this.#models.get(connection)?.handle(event);
    }
  }

  run(): SimulationReport {
    const { connectionCount, faultMs } = this.#swarm;
    for (let i = 0; i < connectionCount; i++) this.#connect();
    this.#runFaults(faultMs);
    this.#pair.network.heal();
    this.#finishAll();
    this.#closeAll();
    return {
      establishedCount: this.#couples.length,
      lostCount: this.#lostCount,
      datagramCount: this.#pair.network.stats.sent,
    };
  }

  #connect(): void {
    const { isKeyKnown } = this.#swarm;
    const pair = this.#pair;
    const client = pair.dial(isKeyKnown ? {} : { remoteStaticPublicKey: null });
    const before = pair.server.incoming.length;
    // The first words of an application may overtake the end of the handshake.
    const model = this.#newModel(client);
    const dialedAt = pair.now;
    let establishedAt = dialedAt;
    pair.runUntil(() => {
      if (client.state === "handshaking") establishedAt = pair.now;
      return client.state === "closed" || pair.server.incoming.length > before;
    });
    if (client.state === "closed") {
      this.#lostCount++;
      this.#models.delete(client);
      // A responder that gives up just when it is answered says nothing of it.
      const isLate = establishedAt - dialedAt > LATE_HANDSHAKE_MS;
      const { code } = pair.client.closeError(client);
      const wasEstablished = pair.client.eventTypes(client)
        .includes("established");
      assert.equal(
        code,
        wasEstablished && isLate ? "CONNECTION_LOST" : "HANDSHAKE_TIMEOUT",
      );
      return;
    }
    const server = this.#newModel(pair.server.incoming.at(-1)!);
    model.other = server;
    server.other = model;
    this.#couples.push({ client: model, server });
  }

  #newModel(connection: Connection): PeerModel {
    const { taskCount, maxStreamBytes, readRate } = this.#swarm;
    const model = new PeerModel(connection, {
      random: this.#random.fork(),
      taskCount,
      maxStreamBytes,
      readRate,
    });
    this.#models.set(connection, model);
    return model;
  }

  #runFaults(faultMs: number): void {
    const { blackouts, closeAtMs, closers, narrowAtMs } = this.#swarm;
    const pair = this.#pair;
    for (let atMs = 0; atMs < faultMs; atMs += TICK_MS) {
      const isDark = blackouts.some(({ fromMs, toMs }) =>
        atMs >= fromMs && atMs < toMs
      );
      if (narrowAtMs !== undefined && atMs >= narrowAtMs) {
        pair.network.configure({ mtuBytes: 1_200 });
      }
      this.#moveIfDue(atMs);
      pair.network.filter = isDark ? () => false : undefined;
      if (closeAtMs !== undefined && Math.abs(closeAtMs - atMs) < TICK_MS / 2) {
        const [couple] = this.#couples;
        for (const end of closers) {
          couple?.[end].connection.close(pair.now, CLOSE_CODE, end);
        }
      }
      this.#tick();
      pair.runFor(TICK_MS);
    }
  }

  #moveIfDue(atMs: number): void {
    const { movesAtMs, knownMoveRate } = this.#swarm;
    for (const moveAtMs of movesAtMs) {
      if (moveAtMs < atMs || moveAtMs >= atMs + TICK_MS) continue;
      const { network, client, now } = this.#pair;
      this.#moveCount++;
      const hostname = this.#moveCount % 2 === 0 ? "10.9.0.1" : "10.0.0.1";
      const port = 20_000 + this.#moveCount;
      network.rebind(CLIENT_ADDRESS, { hostname, port });
      if (this.#moves.isHit(knownMoveRate)) {
        client.endpoint.handleLocalMove(now, true);
      }
    }
  }

  #finishAll(): void {
    const until = this.#pair.now + HEAL_LIMIT_MS;
    const isOver = ({ client, server }: Couple): boolean =>
      (client.isDone && server.isDone) ||
      (client.closeError !== undefined && server.closeError !== undefined);
    while (!this.#couples.every(isOver)) {
      assert.ok(
        this.#pair.now < until,
        "not finished: " +
          this.#couples.filter((couple) => !isOver(couple)).map((couple) =>
            `client ${couple.client.describe()}; ` +
            `server ${couple.server.describe()}`
          ).join("; "),
      );
      this.#tick();
      this.#pair.runFor(TICK_MS);
    }
    for (const { client, server } of this.#couples) {
      this.#checkEnding(client, server);
      if (client.closeError !== undefined) continue;
      client.checkDeliveries();
      server.checkDeliveries();
    }
  }

  /** An ending is truthful: nobody is told of a close that did not happen. */
  #checkEnding(client: PeerModel, server: PeerModel): void {
    const { link, blackouts, closeAtMs, narrowAtMs } = this.#swarm;
    const codes = [client, server].map((each) => each.closeError?.code);
    if (codes.every((code) => code === undefined)) return;
    const hasLoss = narrowAtMs !== undefined ||
      (link.lossRate ?? 0) + (link.corruptRate ?? 0) > 0 ||
      blackouts.length > 0 || link.bandwidthBytesPerSecond !== undefined;
    for (const model of [client, server]) {
      const error = model.closeError;
      if (error === undefined) continue;
      if (error.code === "CONNECTION_LOST") {
        this.#lostCount++;
        assert.ok(hasLoss, "a connection lost without a loss");
      } else {
        assert.ok(closeAtMs !== undefined, `closed: ${error.message}`);
        assert.match(error.code, /^CLOSED(_BY_PEER)?$/);
        assert.equal(error.closeCode, CLOSE_CODE);
      }
    }
    assert.notDeepEqual(codes, ["CLOSED_BY_PEER", "CLOSED_BY_PEER"]);
  }

  #closeAll(): void {
    const pair = this.#pair;
    for (const { client } of this.#couples) {
      client.connection.close(pair.now, CLOSE_CODE);
    }
    pair.runFor(40_000);
    for (const end of [pair.client, pair.server]) checkEmpty(end);
  }

  #tick(): void {
    for (const { client, server } of this.#couples) {
      client.tick();
      server.tick();
      this.#checkInFlight(client.connection);
      this.#checkInFlight(server.connection);
    }
  }

  /** No more was ever in flight than a window allowed, but for probes. */
  #checkInFlight(connection: Connection): void {
    const { bytesInFlight, congestionWindowBytes } = connection.stats;
    const widest = Math.max(
      this.#widestWindows.get(connection) ?? 0,
      congestionWindowBytes,
    );
    this.#widestWindows.set(connection, widest);
    assert.ok(
      bytesInFlight <= widest + MAX_PROBE_BYTES,
      `${bytesInFlight} bytes in flight, the window was ${widest} at most`,
    );
  }
}

function checkEmpty({ endpoint }: PairEnd): void {
  const { connectionCount, connectionIdCount, halfOpenCount } = endpoint.stats;
  assert.deepEqual(
    [connectionCount, connectionIdCount, halfOpenCount],
    [0, 0, 0],
    "left behind",
  );
  assert.equal(endpoint.pollTimeout(), undefined, "a timer of nobody");
}
