/**
 * The connection ids of both ends, as a connection uses them.
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import type {
  NewConnectionIdFrame,
  RetireConnectionIdFrame,
} from "../../protocol/frame/mod.ts";
import type { ConnectionOptions } from "./connection_options.ts";
import type { ConnectionRouter } from "./connection_routes.ts";
import type { HandshakeResult } from "./handshake.ts";
import {
  type IssuedConnectionId,
  LocalConnectionIds,
  type LocalConnectionIdsOptions,
  type LocalRoutes,
} from "./local_connection_ids.ts";
import {
  PeerConnectionIds,
  type PeerConnectionIdsOptions,
  type PeerTokens,
} from "./peer_connection_ids.ts";
import type { SentFrame } from "./sent_frame.ts";
import type { ConnectionStats } from "./stats.ts";

/** Ours, which the peer sends to, and the peer's, which we send to. */
export class ConnectionIds {
  /** Those that we gave the peer. */
  readonly local: LocalConnectionIds;
  /** Those that the peer gave us. */
  readonly peer: PeerConnectionIds;

  /**
   * @param options The ids of the handshake, the limits of both ends, and who
   * makes and routes ours.
   */
  constructor(
    options: {
      readonly local: LocalConnectionIdsOptions;
      readonly peer: PeerConnectionIdsOptions;
    },
  ) {
    this.local = new LocalConnectionIds(options.local);
    this.peer = new PeerConnectionIds(options.peer);
  }

  /** The part of a connection's statistics that is known here. */
  get stats(): Pick<
    ConnectionStats,
    "connectionIdsIssued" | "connectionIdChanges"
  > {
    return {
      connectionIdsIssued: this.local.issuedCount,
      connectionIdChanges: this.peer.changeCount,
    };
  }

  /**
   * Takes a frame of the peer.
   *
   * @param frame The frame; its bytes are copied.
   * @param usedKey The id of the packet that carries it, as a key.
   * @throws {TransportError} `LIMIT`, `PROTOCOL_VIOLATION`.
   */
  handleFrame(
    frame: NewConnectionIdFrame | RetireConnectionIdFrame,
    usedKey: number,
  ): void {
    if (frame.type === "new-connection-id") this.peer.handleNew(frame);
    else this.local.handleRetire(frame.sequence, usedKey);
  }

  /**
   * Writes what waits and fits.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets a record of each frame.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    this.peer.writeFrames(writer, limit, sent);
    this.local.writeFrames(writer, limit, sent);
  }

  /**
   * The peer has a frame.
   *
   * @param frame A record of any frame.
   * @returns Whether it was one of {@linkcode ConnectionIds.writeFrames}.
   */
  onFrameAcked(frame: SentFrame): boolean {
    if (frame.type === "new-connection-id") {
      this.local.onFrameAcked(frame.sequence);
      return true;
    }
    if (frame.type !== "retire-connection-id") return false;
    this.peer.onFrameAcked(frame.sequence);
    return true;
  }

  /**
   * A frame was probably lost.
   *
   * @param frame A record of any frame.
   * @returns Whether it was one of {@linkcode ConnectionIds.writeFrames}.
   */
  onFrameLost(frame: SentFrame): boolean {
    if (frame.type === "new-connection-id") {
      this.local.onFrameLost(frame.sequence);
      return true;
    }
    if (frame.type !== "retire-connection-id") return false;
    this.peer.onFrameLost(frame.sequence);
    return true;
  }
}

/** The routes of one connection. */
class OwnRoutes<Connection> implements LocalRoutes, PeerTokens {
  readonly #owner: Connection;
  readonly #routes: ConnectionRouter<Connection>;

  constructor(owner: Connection, routes: ConnectionRouter<Connection>) {
    this.#owner = owner;
    this.#routes = routes;
  }

  issue(): IssuedConnectionId {
    return this.#routes.issue(this.#owner);
  }

  release(connectionId: Uint8Array): void {
    this.#routes.release(connectionId, this.#owner);
  }

  learnResetToken(token: Uint8Array): void {
    this.#routes.learnResetToken(token, this.#owner);
  }

  forgetResetToken(token: Uint8Array): void {
    this.#routes.forgetResetToken(token, this.#owner);
  }
}

/**
 * Makes the ids of a connection from those of the handshake.
 *
 * @typeParam Connection The connection.
 * @param owner The connection.
 * @param options Its id, limits and routes.
 * @param result What the handshake settled.
 * @returns The ids of both ends.
 */
export function createConnectionIds<Connection>(
  owner: Connection,
  options: Omit<ConnectionOptions<Connection>, "handshake">,
  result: HandshakeResult,
): ConnectionIds {
  const { config, connectionId, parameters, routes } = options;
  const { peerParameters, peerConnectionId } = result;
  const { maxConnectionIds } = config;
  const own = new OwnRoutes(owner, routes);
  const ids = new ConnectionIds({
    local: {
      first: connectionId,
      maxCount: Math.min(peerParameters.maxConnectionIds, maxConnectionIds),
      routes: own,
    },
    peer: {
      first: {
        sequence: 0,
        connectionId: peerConnectionId,
        resetToken: peerParameters.resetToken,
      },
      maxCount: maxConnectionIds,
      tokens: own,
    },
  });
  // An id that was told in the clear has no reset token: others do.
  if (parameters.resetToken === undefined) ids.local.renew();
  return ids;
}
