/**
 * A peer that holds the right keys and breaks the rules: it makes its own
 * packets and sends any plaintext.
 *
 * @module
 */
import assert from "node:assert/strict";
import { generateKeyPair, type KeyPair, ticketPsk } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import type { Instant } from "../../internal/instant.ts";
import { decodeFrame, type Frame } from "../../protocol/frame/mod.ts";
import { PACKET_HEADER_LENGTH, PacketFlags } from "../../protocol/mod.ts";
import type { Address } from "../../transport/core/address.ts";
import { createEndpointConfig } from "../../transport/core/endpoint_config.ts";
import type { EndpointOptions } from "../../transport/core/endpoint_options.ts";
import type { Connection } from "../../transport/core/connection.ts";
import { Endpoint } from "../../transport/core/endpoint.ts";
import type { EndpointEvent } from "../../transport/core/endpoint_event.ts";
import { EarlyData } from "../../transport/core/early_data.ts";
import type {
  HandshakeOptions,
  HandshakeResult,
} from "../../transport/core/handshake.ts";
import { InitiatorHandshake } from "../../transport/core/initiator_handshake.ts";
import { PacketProtection } from "../../transport/core/packet_protection.ts";
import {
  localTransportParameters,
  type TransportParameters,
} from "../../transport/core/transport_parameters.ts";
import { SeededRandom } from "./seeded_random.ts";

/** Options of {@linkcode HostilePeer}. */
export interface HostilePeerOptions {
  /** Everything random is drawn from it. */
  readonly seed?: number;
  /** What the peer announces instead of the defaults. */
  readonly parameters?: Partial<TransportParameters>;
  /** Configuration of the responder under attack. */
  readonly config?: Partial<EndpointOptions>;
}

/** Where the peer is. */
export const HOSTILE_ADDRESS: Address = { hostname: "10.0.0.9", port: 7 };

/** Does the handshake by hand and then sends whatever plaintext it is told to. */
export class HostilePeer {
  /** The responder under attack. */
  readonly endpoint: Endpoint;
  /** Its end of the connection. */
  readonly connection: Connection;
  /** What the endpoint believes the time to be. */
  now: Instant = 1_000;
  /** Number of the next packet; a hostile peer may jump. */
  packetNumber = 0;
  /** What the handshake settled. */
  readonly result: HandshakeResult;
  readonly #handshakeOptions: HandshakeOptions;
  readonly #serverPublicKey: Uint8Array;
  readonly #protection: PacketProtection;
  readonly #serverConnectionId: Uint8Array;
  readonly #buffer = new Uint8Array(65_535);

  /**
   * @param options What the peer announces, the responder's configuration, and
   * the seed of both.
   */
  constructor(options: HostilePeerOptions = {}) {
    const { seed = 1, parameters = {}, config = {} } = options;
    const random = new SeededRandom(seed);
    const serverKeys = generateKeyPair(random);
    const keyPair = generateKeyPair(random);
    this.endpoint = new Endpoint(
      { maxBidiStreams: 4, ...config, keyPair: serverKeys },
      random,
    );
    this.#serverPublicKey = serverKeys.publicKey;
    this.#handshakeOptions = {
      keyPair,
      suites: ["chacha20-poly1305"],
      parameters: {
        ...localTransportParameters(
          createEndpointConfig({ keyPair }),
          65_507,
        ),
        ...parameters,
      },
      random,
      provider: undefined,
    };
    const handshake = new InitiatorHandshake(
      this.#handshakeOptions,
      Uint8Array.of(1, 2, 3, 4, 5, 0, 0, 0),
      serverKeys.publicKey,
    );
    this.endpoint.handleDatagram(this.now, HOSTILE_ADDRESS, handshake.hello);
    const [response] = this.received();
    const outcome = handshake.handleResponderHello(response!);
    assert.ok(outcome.ok);
    this.result = outcome.result;
    this.#serverConnectionId = outcome.result.peerConnectionId;
    this.#protection = new PacketProtection({
      ...outcome.result,
      suite: "chacha20-poly1305",
      provider: undefined,
    });
    this.endpoint.handleDatagram(this.now, HOSTILE_ADDRESS, handshake.finish);
    const [incoming] = this.events();
    assert.ok(incoming?.type === "connection-incoming");
    this.connection = incoming.connection;
  }

  /** What the endpoint tells its owner. */
  events(): EndpointEvent[] {
    const events: EndpointEvent[] = [];
    for (;;) {
      const event = this.endpoint.pollEvent();
      if (event === undefined) return events;
      events.push(event);
    }
  }

  /** Datagrams that the endpoint wants to send. */
  received(): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    for (;;) {
      const transmit = this.endpoint.pollTransmit(this.now, this.#buffer);
      if (transmit === undefined) return datagrams;
      datagrams.push(this.#buffer.slice(0, transmit.length));
    }
  }

  /** Seals a packet with this plaintext, to be delivered now or later. */
  seal(
    plaintext: Uint8Array,
    flags: number = PacketFlags.ACK_ELICITING,
  ): Uint8Array {
    const packet = new Uint8Array(PACKET_HEADER_LENGTH + plaintext.length + 16);
    packet.set(plaintext, PACKET_HEADER_LENGTH);
    this.#protection.seal(packet, 0, {
      connectionId: this.#serverConnectionId,
      packetNumber: this.packetNumber++,
      flags,
      plaintextLength: plaintext.length,
    });
    return packet;
  }

  /** Sends a packet with this plaintext. */
  send(plaintext: Uint8Array, flags: number = PacketFlags.ACK_ELICITING): void {
    const packet = this.seal(plaintext, flags);
    this.endpoint.handleDatagram(this.now, HOSTILE_ADDRESS, packet);
  }

  /** The frames that the endpoint answers with; a stateless reset has none. */
  frames(): Frame[] {
    const frames: Frame[] = [];
    const plaintext = new Uint8Array(65_535);
    for (const datagram of this.received()) {
      // Who knows no connection sends resets.
      if (this.endpoint.stats.connectionCount === 0) continue;
      this.#protection.unmask(datagram, 0);
      const length = this.#protection.open(datagram, plaintext);
      assert.ok(length > 0);
      const reader = new ByteReader(plaintext.slice(0, length));
      while (reader.remaining > 0) frames.push(decodeFrame(reader));
    }
    return frames;
  }

  /**
   * Makes a hello with a ticket of the endpoint.
   *
   * @param ticket From a ticket frame.
   * @param frames Any bytes, in place of frames of streams.
   * @param keyPair Other static keys than those that the ticket was made for.
   * @returns The whole datagram.
   */
  resume(
    ticket: Uint8Array,
    frames: Uint8Array,
    keyPair: KeyPair = this.#handshakeOptions.keyPair,
  ): Uint8Array {
    const psk = ticketPsk(this.result.resumptionSecret, ticket);
    return new InitiatorHandshake(
      { ...this.#handshakeOptions, keyPair },
      Uint8Array.of(9, 9, 9, 9, 9, 0, 0, 0),
      this.#serverPublicKey,
      new RawEarlyData({
        ticket: {
          ticket,
          psk,
          suite: this.result.suite,
          limits: this.result.peerParameters,
          expiresAt: Infinity,
        },
        frames,
      }),
    ).hello;
  }

  /** The code of the close that the endpoint answers with, if it does. */
  closeCode(): number | undefined {
    const close = this.frames().find((frame) => frame.type === "close");
    return close?.type === "close" ? close.code : undefined;
  }
}

/** Early data that is not what streams have to say. */
class RawEarlyData extends EarlyData {
  readonly #frames: Uint8Array;

  constructor(
    { ticket, frames }: Pick<EarlyData, "ticket"> & { frames: Uint8Array },
  ) {
    super({
      ticket,
      local: ticket.limits,
      sendBufferBytes: 1,
      maxBufferedBytes: 1,
      maxStretches: 1,
      onUnused: () => {},
      onSettled: () => {},
    });
    this.#frames = frames;
  }

  override take(): Uint8Array {
    return this.#frames;
  }
}
