/**
 * A peer that holds the right keys and breaks the rules: it makes its own
 * packets and sends any plaintext.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PacketKeys } from "../../conformance/wire/packet_codec.ts";
import {
  generateKeyPair,
  type KeyPair,
  ticketPsk,
  x25519,
} from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import type { Instant } from "../../internal/instant.ts";
import { decodeFrame, type Frame } from "../../protocol/frame/mod.ts";
import {
  PACKET_HEADER_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  PacketFlags,
  packetPayloadLength,
} from "../../protocol/mod.ts";
import { type Address, isSameAddress } from "../../transport/core/address.ts";
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
  /** Another peer, whose responder is attacked by this one as well. */
  readonly beside?: HostilePeer;
  /**
   * Where it is.
   *
   * @default {HOSTILE_ADDRESS}
   */
  readonly address?: Address;
  /** What it chooses as the id of its connection. */
  readonly connectionId?: Uint8Array;
}

/** Where the peer is. */
export const HOSTILE_ADDRESS: Address = { hostname: "10.0.0.9", port: 7 };

/** What the peer chose as the id of its connection. */
const CONNECTION_ID = Uint8Array.of(1, 2, 3, 4, 5, 0, 0, 0);
const RESUMED_CONNECTION_ID = Uint8Array.of(9, 9, 9, 9, 9, 0, 0, 0);

/** A datagram that the endpoint sends. */
export interface SentBack {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Where it goes. */
  readonly to: Address;
}

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
  /** What its packets are sent to. */
  readonly serverConnectionId: Uint8Array;
  /** Seals packets whose header the transport would not write. */
  readonly keys: PacketKeys;
  readonly #handshakeOptions: HandshakeOptions;
  readonly #serverPublicKey: Uint8Array;
  readonly #protection: PacketProtection;
  readonly #address: Address;
  readonly #buffer = new Uint8Array(65_535);

  /**
   * @param options What the peer announces, the responder's configuration, and
   * the seed of both.
   */
  constructor(options: HostilePeerOptions = {}) {
    const { seed = 1, parameters = {}, config = {}, beside } = options;
    const random = new SeededRandom(seed);
    const serverKeys = generateKeyPair(random);
    const keyPair = generateKeyPair(random);
    this.#address = options.address ?? HOSTILE_ADDRESS;
    this.now = beside?.now ?? this.now;
    this.endpoint = beside?.endpoint ?? new Endpoint(
      { maxBidiStreams: 4, ...config, keyPair: serverKeys },
      random,
    );
    this.#serverPublicKey = beside?.serverPublicKey ?? serverKeys.publicKey;
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
      options.connectionId ?? CONNECTION_ID,
      this.#serverPublicKey,
    );
    this.endpoint.handleDatagram(this.now, this.#address, handshake.hello);
    const response = this.sentBack()
      .find(({ to }) => isSameAddress(to, this.#address));
    const outcome = handshake.handleResponderHello(response!.bytes);
    assert.ok(outcome.ok);
    this.result = outcome.result;
    this.serverConnectionId = outcome.result.peerConnectionId;
    this.keys = new PacketKeys(
      "chacha20-poly1305",
      outcome.result.sendSecret,
    );
    this.#protection = new PacketProtection({
      ...outcome.result,
      suite: "chacha20-poly1305",
      provider: undefined,
    });
    this.endpoint.handleDatagram(this.now, this.#address, handshake.finish);
    const incoming = this.events()
      .find(({ type }) => type === "connection-incoming");
    assert.ok(incoming?.type === "connection-incoming");
    this.connection = incoming.connection;
  }

  /** The static key of the responder. */
  get serverPublicKey(): Uint8Array {
    return this.#serverPublicKey;
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

  /** Datagrams that the endpoint wants to send, and where to. */
  sentBack(): SentBack[] {
    const datagrams: SentBack[] = [];
    for (;;) {
      const transmit = this.endpoint.pollTransmit(this.now, this.#buffer);
      if (transmit === undefined) return datagrams;
      const bytes = this.#buffer.slice(0, transmit.length);
      datagrams.push({ bytes, to: transmit.to });
    }
  }

  /** Datagrams that the endpoint wants to send. */
  received(): Uint8Array[] {
    return this.sentBack().map(({ bytes }) => bytes);
  }

  /** Seals a packet with this plaintext, to be delivered now or later. */
  seal(
    plaintext: Uint8Array,
    flags: number = PacketFlags.ACK_ELICITING,
  ): Uint8Array {
    return sealPacket(this.#protection, plaintext, {
      connectionId: this.serverConnectionId,
      packetNumber: this.packetNumber++,
      flags,
    });
  }

  /** Sends a packet with this plaintext. */
  send(plaintext: Uint8Array, flags: number = PacketFlags.ACK_ELICITING): void {
    this.deliver(this.seal(plaintext, flags));
  }

  /**
   * Sends a datagram.
   *
   * @param datagram Any bytes.
   * @param from Where it seems to come from.
   * @returns Its size.
   */
  deliver(datagram: Uint8Array, from: Address = this.#address): number {
    this.endpoint.handleDatagram(this.now, from, datagram);
    return datagram.length;
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
   * @param options Other static keys than those that the ticket was made for,
   * another connection id.
   * @returns The handshake: its hello is a whole datagram.
   */
  resume(
    ticket: Uint8Array,
    frames: Uint8Array,
    options: {
      readonly keyPair?: KeyPair;
      readonly connectionId?: Uint8Array;
    } = {},
  ): InitiatorHandshake {
    const { keyPair, connectionId } = {
      keyPair: this.#handshakeOptions.keyPair,
      connectionId: RESUMED_CONNECTION_ID,
      ...options,
    };
    const psk = ticketPsk(
      this.result.resumptionSecret,
      x25519(keyPair.privateKey, this.#serverPublicKey),
      ticket,
    );
    return new InitiatorHandshake(
      { ...this.#handshakeOptions, keyPair },
      connectionId,
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
    );
  }

  /** The first ticket that the endpoint sends. */
  ticket(): Uint8Array {
    const ticket = this.frames().find((frame) => frame.type === "ticket");
    assert.ok(ticket?.type === "ticket");
    return ticket.ticket;
  }

  /** The code of the close that the endpoint answers with, if it does. */
  closeCode(): number | undefined {
    const close = this.frames().find((frame) => frame.type === "close");
    return close?.type === "close" ? close.code : undefined;
  }
}

/**
 * Seals a packet.
 *
 * @param protection The keys.
 * @param plaintext Its frames.
 * @param header Where it goes, its number and its flags.
 * @returns The packet.
 */
export function sealPacket(
  protection: PacketProtection,
  plaintext: Uint8Array,
  header: {
    readonly connectionId: Uint8Array;
    readonly packetNumber: number;
    readonly flags: number;
  },
): Uint8Array {
  const packet = new Uint8Array(PACKET_OVERHEAD_LENGTH + plaintext.length);
  packet.set(plaintext, PACKET_HEADER_LENGTH);
  const plaintextLength = plaintext.length;
  protection.seal(packet, 0, { ...header, plaintextLength });
  return packet;
}

/**
 * Takes the first of the packets that share a datagram.
 *
 * @param datagram All of them.
 * @returns A view of it.
 */
export function firstPacket(datagram: Uint8Array): Uint8Array {
  const end = PACKET_HEADER_LENGTH + packetPayloadLength(datagram, 0);
  return datagram.subarray(0, end);
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
