/**
 * The initiator's half of a handshake, made by hand.
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import {
  type AeadSuite,
  confirmationKey,
  generateKeyPair,
  HandshakeState,
  isEqualConstantTime,
  type KeyPair,
} from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { systemRandom } from "../../transport/mod.ts";
import { check, fail } from "../clause.ts";
import {
  answerMacKey,
  encodeFinish,
  encodeHello,
  type HandshakePacket,
  hasRightMac,
  type HelloFields,
  type HelloHead,
  helloMacKey,
  ID_BYTES,
  joinNoise,
  Kind,
  MAC_BYTES,
  macOf,
  parseBlock,
  prologueOf,
  splitNoise,
} from "../wire/handshake_codec.ts";
import {
  encodeParameters,
  Parameter,
  type ParameterList,
  ParameterValues,
} from "../wire/parameter_codec.ts";

/** Pattern byte of Noise IK. */
export const PATTERN_IK = 1;

/** Pattern byte of Noise XX. */
export const PATTERN_XX = 2;

/** Pattern byte of Noise NNpsk0: with a ticket. */
export const PATTERN_NNPSK0 = 3;

/** Version that this kit judges. */
export const VERSION = 1;

/** What the kit announces when a clause does not say otherwise. */
export const DEFAULT_PARAMETERS: ParameterList = [
  [Parameter.MAX_DATA, 1 << 20],
  [Parameter.MAX_STREAM_DATA, 1 << 18],
  [Parameter.MAX_BIDI_STREAMS, 16],
  [Parameter.MAX_UNI_STREAMS, 16],
  [Parameter.IDLE_TIMEOUT, 30_000],
  [Parameter.MAX_ACK_DELAY, 25],
  [Parameter.MAX_DATAGRAM, 1_200],
];

/** Suites that the kit has; those whose hello is one datagram first. */
export const KIT_SUITES: readonly number[] = [1, 2, 3];

/** A suite of the handshake. */
interface SuiteParts {
  readonly aead: AeadSuite;
  /** Its cipher in a Noise protocol name. */
  readonly noise: string;
  /** Whether a KEM stands beside X25519. */
  readonly isHybrid?: boolean;
}

const SUITES: Readonly<Record<number, SuiteParts>> = {
  1: { aead: "chacha20-poly1305", noise: "ChaChaPoly" },
  2: { aead: "aes-256-gcm", noise: "AESGCM" },
  3: { aead: "chacha20-poly1305", noise: "ChaChaPoly", isHybrid: true },
};

/** What a hello with a ticket adds. */
export interface Resumption {
  /** The ticket. */
  readonly ticket: Uint8Array;
  /** The key that both ends have made from it, 32 bytes. */
  readonly psk: Uint8Array;
  /** Frames that travel in the hello. */
  readonly frames: Uint8Array;
}

/** How a handshake is made. */
export interface HandshakeChoice {
  /** The node's static key: Noise IK; absent: XX. */
  readonly responderKey?: Uint8Array | undefined;
  /** Suites, the one in use first; that which the node takes when absent. */
  readonly suites?: readonly number[];
  /**
   * What we announce.
   *
   * @default {DEFAULT_PARAMETERS}
   */
  readonly parameters?: ParameterList;
  /** The id that we choose; a random one when absent. */
  readonly connectionId?: Uint8Array;
  /** Who we are; a new key when absent. */
  readonly keyPair?: KeyPair;
  /** A ticket, and what is said with it; `responderKey` is needed then. */
  readonly resumption?: Resumption;
  /** What the prologue says instead of what the hello does. */
  readonly prologue?: Partial<HelloHead>;
}

/** What both ends hold in the end. */
export interface Agreed {
  /** The suite in use. */
  readonly suite: AeadSuite;
  /** Where packets for the node go. */
  readonly peerConnectionId: Uint8Array;
  /** The node's static key, proven. */
  readonly peerKey: Uint8Array;
  /** What the node announced. */
  readonly parameters: ParameterValues;
  /** Secret of what we send. */
  readonly sendSecret: Uint8Array;
  /** Secret of what the node sends. */
  readonly receiveSecret: Uint8Array;
  /** The Noise handshake hash. */
  readonly handshakeHash: Uint8Array;
  /** The third message. */
  readonly finish: Uint8Array;
  /** Whether a ticket was used. */
  readonly isResumed: boolean;
}

/** One handshake of ours. */
export class Handshake {
  /** The id that we chose. */
  readonly connectionId: Uint8Array;
  /** Our static key pair. */
  readonly keyPair: KeyPair;
  /** The fields of the hello. */
  readonly fields: HelloFields;
  /** What of Noise message 1 the hello does not hold; empty but for suite 3. */
  readonly rest: Uint8Array;
  readonly #noise: HandshakeState;
  readonly #aead: AeadSuite;
  /** Who gave the ticket, where there is one. */
  readonly #ticketGiver: Uint8Array | undefined;
  /** The Noise message of the last hello: answers are made for it. */
  #sentNoise: Uint8Array;

  /** @param choice Pattern, suites, parameters, keys. */
  constructor(
    choice: HandshakeChoice & Required<Pick<HandshakeChoice, "suites">>,
  ) {
    const { responderKey, resumption, suites } = choice;
    const suite = SUITES[suites[0]!] ?? SUITES[1]!;
    const [pattern, name] = patternOf(choice);
    this.#aead = suite.aead;
    this.#ticketGiver = resumption && responderKey;
    this.connectionId = choice.connectionId ?? randomId();
    this.keyPair = choice.keyPair ?? generateKeyPair(systemRandom);
    const head: HelloHead = {
      version: VERSION,
      connectionId: this.connectionId,
      pattern,
      suites,
      ...(resumption === undefined ? {} : { ticket: resumption.ticket }),
    };
    this.#noise = new HandshakeState({
      protocolName: suite.isHybrid === true
        ? `Noise_${name}hfs_25519+MLKEM768_${suite.noise}_SHA256`
        : `Noise_${name}_25519_${suite.noise}_SHA256`,
      role: "initiator",
      prologue: prologueOf({ ...head, ...choice.prologue }),
      ...(resumption === undefined
        ? {
          staticPrivateKey: this.keyPair.privateKey,
          remoteStaticPublicKey: responderKey,
        }
        : { psks: [resumption.psk] }),
      random: systemRandom,
    });
    const parameters = encodeParameters(
      choice.parameters ?? DEFAULT_PARAMETERS,
    );
    const noise = this.#noise.writeMessage(
      resumption === undefined
        ? parameters
        : withFrames(parameters, resumption.frames),
    );
    const split = suite.isHybrid === true
      ? splitNoise(noise)
      : { field: noise, rest: new Uint8Array() };
    this.rest = split.rest;
    this.fields = {
      ...head,
      cookie: new Uint8Array(),
      noise: split.field,
      macKey: helloMacKey(responderKey),
    };
    this.#sentNoise = this.fields.noise;
  }

  /**
   * The hello.
   *
   * @param changes Fields that differ from the right ones.
   * @returns The whole datagram.
   */
  hello(changes: Partial<HelloFields> = {}): Uint8Array {
    const fields = { ...this.fields, ...changes };
    this.#sentNoise = fields.noise;
    return encodeHello(fields);
  }

  /**
   * Whether a packet goes to this handshake.
   *
   * @param packet A handshake packet.
   */
  isFor(packet: HandshakePacket): boolean {
    return isEqualConstantTime(packet.connectionId, this.connectionId);
  }

  /**
   * Reads a retry.
   *
   * @param packet A handshake packet of kind 5.
   * @returns The cookie.
   * @throws {ClauseFailure} When it is malformed.
   */
  readRetry(packet: HandshakePacket): Uint8Array {
    const block = parseBlock(packet.body);
    check(block !== undefined, "the Retry does not fit its layout");
    check(
      block.bytes.length >= 1 && block.bytes.length <= 64,
      `the cookie has ${block.bytes.length} bytes`,
    );
    this.#checkMac(packet, "Retry");
    return block.bytes.slice();
  }

  /**
   * Reads a refusal of the suite in use.
   *
   * @param packet A handshake packet of kind 6.
   * @returns The suites that the node takes, the one it likes best first.
   * @throws {ClauseFailure} When it is another one, or malformed.
   */
  readSuiteRefusal(packet: HandshakePacket): number[] {
    const reader = new ByteReader(packet.body);
    const reason = reader.u8();
    check(reason === 2, `the reason of the refusal is ${reason}, not 2`);
    const suites = [...reader.bytes(reader.u8())];
    check(
      !reader.isFailed && reader.remaining === MAC_BYTES &&
        suites.length >= 1 && suites.length <= 8,
      "the Refusal with reason 2 does not fit its layout",
    );
    this.#checkMac(packet, "Refusal");
    return suites;
  }

  /**
   * Reads a refusal of a ticket.
   *
   * @param packet A handshake packet of kind 6.
   * @returns The reason: 3 not taken, 4 used before.
   * @throws {ClauseFailure} When it is another one, or malformed.
   */
  readTicketRefusal(packet: HandshakePacket): number {
    const [reason = 0] = packet.body;
    check(
      reason === 3 || reason === 4,
      `the reason of the refusal is ${reason}, not 3 or 4`,
    );
    check(
      packet.body.length === 1 + MAC_BYTES,
      `the Refusal with reason ${reason} does not fit its layout`,
    );
    this.#checkMac(packet, "Refusal");
    return reason;
  }

  /**
   * Reads the answer, which completes the handshake on this side.
   *
   * @param packet A handshake packet of kind 2.
   * @param second With suite 3: the packet of kind 8 that belongs to it.
   * @returns Keys and parameters.
   * @throws {ClauseFailure} When it is not what the specification says.
   */
  readAnswer(packet: HandshakePacket, second?: HandshakePacket): Agreed {
    check(packet.kind === Kind.ANSWER, `a packet of kind ${packet.kind} came`);
    const block = parseBlock(packet.body);
    check(block !== undefined, "the ResponderHello does not fit its layout");
    this.#checkMac(packet, "ResponderHello");
    const message = second === undefined
      ? block.bytes
      : joinNoise(block.bytes, restOf(second));
    check(
      message !== undefined,
      "the AnswerRest does not belong to the ResponderHello",
    );
    const parameters = ParameterValues.decode(this.#readNoise(message));
    if (typeof parameters === "string") {
      fail(`the node's transport parameters: ${parameters}`);
    }
    const peerConnectionId = parameters.bytes(Parameter.CONNECTION_ID);
    check(
      peerConnectionId?.length === ID_BYTES,
      "the node's transport parameters hold no connection id of 8 bytes",
    );
    const noise = this.#noise.isComplete
      ? new Uint8Array()
      : this.#noise.writeMessage();
    const { send, receive } = this.#noise.splitKeys();
    return {
      suite: this.#aead,
      peerConnectionId,
      peerKey: this.#ticketGiver ?? this.#noise.remoteStaticPublicKey!,
      parameters,
      sendSecret: send,
      receiveSecret: receive,
      handshakeHash: this.#noise.handshakeHash,
      isResumed: this.#ticketGiver !== undefined,
      finish: encodeFinish(
        peerConnectionId,
        noise,
        macOf(confirmationKey(send), this.#noise.handshakeHash),
      ),
    };
  }

  #readNoise(message: Uint8Array): Uint8Array {
    try {
      return this.#noise.readMessage(message);
    } catch {
      fail("the node's Noise message does not authenticate");
    }
  }

  #checkMac(packet: HandshakePacket, name: string): void {
    const key = answerMacKey(this.connectionId, this.#sentNoise);
    check(hasRightMac(packet.packet, key), `the MAC of the ${name} is wrong`);
  }
}

/** The rest in an AnswerRest. */
function restOf(packet: HandshakePacket): Uint8Array {
  const reader = new ByteReader(packet.body);
  const rest = reader.bytes(reader.u16());
  check(
    !reader.isFailed && reader.remaining === 0,
    "the AnswerRest does not fit its layout",
  );
  return rest;
}

/** Pattern byte and name of a pattern. */
function patternOf({ responderKey, resumption }: HandshakeChoice): readonly [
  code: number,
  name: string,
] {
  if (responderKey === undefined) return [PATTERN_XX, "XX"];
  return resumption === undefined
    ? [PATTERN_IK, "IK"]
    : [PATTERN_NNPSK0, "NNpsk0"];
}

/** Payload of message 1 with a ticket. */
function withFrames(parameters: Uint8Array, frames: Uint8Array): Uint8Array {
  const head = Uint8Array.of(parameters.length & 0xff, parameters.length >>> 8);
  return concat(head, parameters, frames);
}

/** Eight random bytes, never all zero. */
function randomId(): Uint8Array {
  const id = new Uint8Array(ID_BYTES);
  systemRandom.fillPublic(id);
  id[0]! |= 1;
  return id;
}
