/**
 * The `HandshakeState` of Noise (revision 34, §5.3): it follows a pattern,
 * message by message, to a pair of transport keys.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";
import { isEqualConstantTime, wipe } from "../constant_time.ts";
import { CryptoError } from "../error.ts";
import {
  AEAD_TAG_LENGTH,
  type AeadSuite,
  type AgreementKey,
  type ProviderName,
  X25519_KEY_LENGTH,
} from "../provider/provider.ts";
import { StaticKey } from "../static_key.ts";
import { agree, importAgreementKey } from "../x25519.ts";
import { CipherState } from "./cipher_state.ts";
import {
  checkHandshakeKeys,
  type EphemeralKeySource,
  type HandshakeOptions,
  MAX_NOISE_MESSAGE_LENGTH,
} from "./handshake_options.ts";
import type { HybridToken, Token } from "./handshake_pattern.ts";
import {
  type HybridKeys,
  type HybridStep,
  hybridTokenLength,
  isHybridToken,
  readHybridToken,
  writeHybridToken,
} from "./hybrid_token.ts";
import { type NoiseProtocol, parseProtocolName } from "./protocol_name.ts";
import { SymmetricState } from "./symmetric_state.ts";

/** The result of a handshake, as cipher states. */
export interface SplitCipherStates {
  /** For what this end sends. */
  readonly send: CipherState;
  /** For what this end receives. */
  readonly receive: CipherState;
}

/** The result of a handshake, as raw keys that the caller wipes. */
export interface SplitKeys {
  /** For what this end sends, 32 bytes. */
  readonly send: Uint8Array;
  /** For what this end receives, 32 bytes. */
  readonly receive: Uint8Array;
}

/**
 * One end of a Noise handshake. A call that throws leaves the state as it was,
 * so a forged message can be dropped and the genuine one still be read.
 *
 * @example Usage
 * ```ts
 * import { HandshakeState, publicKeyOf } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const random = {
 *   fillPublic: (into: Uint8Array) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 *   fillSecret: (into: Uint8Array) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 * };
 * const staticPrivateKey = new Uint8Array(32);
 * random.fillSecret(staticPrivateKey);
 * const protocolName = "Noise_NK_25519_ChaChaPoly_SHA256";
 * const initiator = new HandshakeState({
 *   protocolName,
 *   role: "initiator",
 *   remoteStaticPublicKey: publicKeyOf(staticPrivateKey),
 *   random,
 * });
 * const responder = new HandshakeState({
 *   protocolName,
 *   role: "responder",
 *   staticPrivateKey,
 *   random,
 * });
 *
 * responder.readMessage(initiator.writeMessage());
 * initiator.readMessage(responder.writeMessage());
 *
 * const sealed = initiator.split().send.seal(new Uint8Array(), new Uint8Array([7]));
 * assert.deepEqual(
 *   responder.split().receive.open(new Uint8Array(), sealed),
 *   new Uint8Array([7]),
 * );
 * ```
 */
export class HandshakeState {
  readonly #protocol: NoiseProtocol;
  readonly #isInitiator: boolean;
  readonly #provider: ProviderName | undefined;
  readonly #random: RandomSource | undefined;
  readonly #static: StaticKey | undefined;
  readonly #isStaticOurs: boolean;
  readonly #ephemeralKeys: EphemeralKeySource | undefined;
  readonly #testEphemeral: Uint8Array | undefined;
  readonly #pinnedStatic: Uint8Array | undefined;
  readonly #psks: Uint8Array[];
  #symmetric: SymmetricState;
  #ephemeral: AgreementKey | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  #hybridKeys: HybridKeys = {};
  /** What both static keys share, until the peer has proven its own. */
  #staticSecret: Uint8Array | undefined;
  #messageIndex = 0;
  #pskIndex = 0;
  #isWiped = false;

  /**
   * Starts before the first message.
   *
   * @param options Protocol, role and keys.
   * @throws {CryptoError} `UNSUPPORTED_PROTOCOL` for an unknown name,
   * `INVALID_KEY` for a key that is missing, not wanted or of the wrong size,
   * `STATE` when an ephemeral key is needed and there is no random source.
   */
  constructor(options: HandshakeOptions) {
    this.#protocol = parseProtocolName(options.protocolName);
    checkHandshakeKeys(options, this.#protocol.pattern);
    this.#isInitiator = options.role === "initiator";
    this.#provider = options.provider;
    this.#random = options.random;
    this.#ephemeralKeys = options.ephemeralKeys;
    this.#testEphemeral = options.testEphemeralPrivateKey?.slice();
    this.#pinnedStatic = options.remoteStaticPublicKey?.slice();
    this.#psks = (options.psks ?? []).map((psk) => psk.slice());
    this.#isStaticOurs = options.staticKey === undefined;
    this.#static = options.staticKey ??
      (options.staticPrivateKey &&
        new StaticKey(options.staticPrivateKey, { provider: this.#provider }));
    this.#symmetric = SymmetricState.initialize(
      this.#protocol,
      options.provider,
    );
    this.#symmetric.mixHash(options.prologue ?? new Uint8Array());
    this.#mixPreMessages();
  }

  /** The parsed cipher suite, for the packets that follow. */
  get suite(): AeadSuite {
    return this.#protocol.suite;
  }

  /** How many messages were written and read so far. */
  get messageIndex(): number {
    return this.#messageIndex;
  }

  /** Whether every message was exchanged. */
  get isComplete(): boolean {
    return this.#messageIndex === this.#protocol.pattern.messages.length;
  }

  /** Whether this end writes the next message. */
  get isWriter(): boolean {
    return !this.isComplete && (this.#messageIndex % 2 === 0) ===
        this.#isInitiator;
  }

  /** The transcript hash so far; a copy. Final, and a channel binding, at the end. */
  get handshakeHash(): Uint8Array {
    return this.#symmetric.handshakeHash.slice();
  }

  /**
   * The peer's static key, once it is known: from the start if the pattern
   * says so, else when the message that carries it was read. A copy.
   */
  get remoteStaticPublicKey(): Uint8Array | undefined {
    return this.#remoteStatic?.slice();
  }

  /**
   * The exact size of the next message.
   *
   * @param payloadLength The size of its payload, in bytes.
   * @returns The size in bytes.
   * @throws {CryptoError} `STATE` when the handshake is complete.
   */
  nextMessageLength(payloadLength: number): number {
    let isKeyed = this.#symmetric.hasKey;
    let length = payloadLength;
    for (const token of this.#nextTokens()) {
      if (token === "e") {
        length += X25519_KEY_LENGTH;
        isKeyed ||= this.#psks.length > 0;
      } else if (isHybridToken(token)) {
        length += hybridTokenLength(this.#protocol.kem!, token) +
          (isKeyed ? AEAD_TAG_LENGTH : 0);
        isKeyed ||= token === "ekem1";
      } else if (token === "s") {
        length += X25519_KEY_LENGTH + (isKeyed ? AEAD_TAG_LENGTH : 0);
      } else {
        isKeyed = true;
      }
    }
    return length + (isKeyed ? AEAD_TAG_LENGTH : 0);
  }

  /**
   * Writes the next message.
   *
   * @param payload What to carry; borrowed. How well it is protected depends
   * on the pattern: the first messages of some are readable by anyone.
   * @returns The message, owned by the caller.
   * @throws {CryptoError} `STATE` out of turn, `INVALID_LENGTH` when the
   * message would pass 65,535 bytes, `WEAK_PUBLIC_KEY` or `INVALID_KEY` for a
   * bad key of the peer.
   */
  writeMessage(payload: Uint8Array = new Uint8Array()): Uint8Array {
    this.#requireTurn(true);
    const length = this.nextMessageLength(payload.length);
    if (length > MAX_NOISE_MESSAGE_LENGTH) throw tooLong(length);
    return this.#attempt(() => {
      const message = new Uint8Array(length);
      let at = 0;
      for (const token of this.#nextTokens()) {
        const part = this.#writeToken(token);
        if (part === undefined) continue;
        message.set(part, at);
        at += part.length;
      }
      message.set(this.#symmetric.sealAndHash(payload), at);
      return message;
    });
  }

  /**
   * Reads the next message.
   *
   * @param message The whole message; borrowed.
   * @returns Its payload, owned by the caller.
   * @throws {CryptoError} `STATE` out of turn, `INVALID_LENGTH` when it is too
   * short or too long, `HANDSHAKE_FAILED` when it does not authenticate,
   * `WEAK_PUBLIC_KEY` for a key that gives an all-zero secret.
   */
  readMessage(message: Uint8Array): Uint8Array {
    this.#requireTurn(false);
    if (message.length > MAX_NOISE_MESSAGE_LENGTH) {
      throw tooLong(message.length);
    }
    const shortest = this.nextMessageLength(0);
    if (message.length < shortest) {
      throw new CryptoError(
        "INVALID_LENGTH",
        `Handshake message: at least ${shortest} bytes, got ${message.length}`,
        { fault: "peer" },
      );
    }
    return this.#attempt(() => {
      let at = 0;
      for (const token of this.#nextTokens()) {
        at = this.#readToken(token, message, at);
      }
      return this.#open(message.subarray(at));
    });
  }

  /**
   * Ends a complete handshake.
   *
   * @returns A cipher state for each direction. After a one-way pattern only
   * the initiator's `send` and the responder's `receive` may be used.
   * @throws {CryptoError} `STATE` before the last message, or after a wipe.
   */
  split(): SplitCipherStates {
    const keys = this.splitKeys();
    const make = (key: Uint8Array): CipherState =>
      new CipherState({ suite: this.suite, key, provider: this.#provider });
    const states = { send: make(keys.send), receive: make(keys.receive) };
    wipe(keys.send, keys.receive);
    return states;
  }

  /**
   * Ends a complete handshake with the raw keys, for a key schedule on top.
   * Use these or {@linkcode HandshakeState.split}, not both.
   *
   * @returns 32 bytes for each direction, owned and wiped by the caller.
   * @throws {CryptoError} `STATE` before the last message, or after a wipe.
   */
  splitKeys(): SplitKeys {
    if (!this.isComplete || this.#isWiped) {
      throw new CryptoError(
        "STATE",
        `Handshake: split after ${this.#messageIndex} messages`,
      );
    }
    const [first, second] = this.#symmetric.split();
    if (this.#staticSecret !== undefined) {
      this.#static?.remember(this.#remoteStatic!, this.#staticSecret);
    }
    return this.#isInitiator
      ? { send: first, receive: second }
      : { send: second, receive: first };
  }

  /** Forgets every secret. Only the hash and the peer's key can be asked after. */
  wipe(): void {
    this.#isWiped = true;
    this.#symmetric.wipe();
    if (this.#isStaticOurs) this.#static?.wipe();
    this.#ephemeral?.wipe();
    this.#hybridKeys.own?.wipe();
    wipe(this.#testEphemeral, this.#staticSecret, ...this.#psks);
  }

  #mixPreMessages(): void {
    const { pattern } = this.#protocol;
    const mine = this.#isInitiator;
    const mix = (isInitiators: boolean): void => {
      if (isInitiators !== mine) this.#remoteStatic = this.#pinnedStatic;
      this.#symmetric.mixHash(
        isInitiators === mine ? this.#static!.publicKey : this.#pinnedStatic!,
      );
    };
    if (pattern.isInitiatorStaticKnown) mix(true);
    if (pattern.isResponderStaticKnown) mix(false);
  }

  #nextTokens(): readonly Token[] {
    const tokens = this.#protocol.pattern.messages[this.#messageIndex];
    if (tokens === undefined) {
      throw new CryptoError("STATE", "Handshake: it is complete");
    }
    return tokens;
  }

  #requireTurn(isWriting: boolean): void {
    if (this.#isWiped || this.isComplete || this.isWriter !== isWriting) {
      const verb = isWriting ? "write" : "read";
      throw new CryptoError(
        "STATE",
        `Handshake: cannot ${verb} at message ${this.#messageIndex}`,
      );
    }
  }

  /** Runs one message on a copy of the state and keeps it only if it succeeds. */
  #attempt(step: () => Uint8Array): Uint8Array {
    const before = {
      symmetric: this.#symmetric,
      ephemeral: this.#ephemeral,
      remoteEphemeral: this.#remoteEphemeral,
      remoteStatic: this.#remoteStatic,
      hybridKeys: this.#hybridKeys,
      pskIndex: this.#pskIndex,
    };
    this.#symmetric = before.symmetric.clone();
    let result: Uint8Array;
    try {
      result = step();
    } catch (error) {
      this.#symmetric.wipe();
      if (this.#ephemeral !== before.ephemeral) this.#ephemeral?.wipe();
      if (this.#hybridKeys.own !== before.hybridKeys.own) {
        this.#hybridKeys.own?.wipe();
      }
      this.#symmetric = before.symmetric;
      this.#hybridKeys = before.hybridKeys;
      this.#ephemeral = before.ephemeral;
      this.#remoteEphemeral = before.remoteEphemeral;
      this.#remoteStatic = before.remoteStatic;
      this.#pskIndex = before.pskIndex;
      throw error;
    }
    before.symmetric.wipe();
    this.#messageIndex++;
    return result;
  }

  #writeToken(token: Token): Uint8Array | undefined {
    if (token === "e") {
      this.#ephemeral = this.#makeEphemeral();
      this.#mixEphemeral(this.#ephemeral.publicKey);
      return this.#ephemeral.publicKey;
    }
    if (token === "s") {
      return this.#symmetric.sealAndHash(this.#static!.publicKey);
    }
    if (isHybridToken(token)) {
      const step = this.#hybridStep();
      const { bytes, keys } = writeHybridToken(token, step, this.#random!);
      this.#hybridKeys = keys;
      return bytes;
    }
    this.#mixSecret(token);
    return undefined;
  }

  /** Returns where the next token starts. */
  #readToken(token: Token, message: Uint8Array, at: number): number {
    if (token === "e") {
      const end = at + X25519_KEY_LENGTH;
      this.#remoteEphemeral = message.slice(at, end);
      this.#mixEphemeral(this.#remoteEphemeral);
      return end;
    }
    if (token === "s") {
      const end = at + X25519_KEY_LENGTH + this.#symmetric.overhead;
      const key = this.#open(message.subarray(at, end));
      if (this.#pinnedStatic && !isEqualConstantTime(key, this.#pinnedStatic)) {
        throw new CryptoError(
          "HANDSHAKE_FAILED",
          "Handshake: the peer's static key is not the expected one",
          { fault: "peer" },
        );
      }
      this.#remoteStatic = key;
      return end;
    }
    if (isHybridToken(token)) {
      const step = this.#hybridStep();
      const end = at + hybridTokenLength(step.kem, token) +
        this.#symmetric.overhead;
      const bytes = message.subarray(at, end);
      this.#hybridKeys = readHybridToken(token, step, bytes);
      return end;
    }
    this.#mixSecret(token);
    return at;
  }

  #mixEphemeral(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    // Noise §9.2: with pre-shared keys the ephemeral key randomises the chain.
    if (this.#psks.length > 0) this.#symmetric.mixKey(publicKey);
  }

  #hybridStep(): HybridStep {
    return {
      kem: this.#protocol.kem!,
      symmetric: this.#symmetric,
      keys: this.#hybridKeys,
    };
  }

  #mixSecret(token: Exclude<Token, HybridToken>): void {
    if (token === "psk") {
      this.#symmetric.mixKeyAndHash(this.#psks[this.#pskIndex++]!);
      return;
    }
    const [ours, theirs] = this.#isInitiator ? token : [token[1], token[0]];
    const peer = theirs === "e" ? this.#remoteEphemeral! : this.#remoteStatic!;
    const secret = ours === "e"
      ? agree(this.#ephemeral!, peer)
      : theirs === "e"
      ? this.#static!.agree(peer)
      : this.#agreeStatic(peer);
    this.#symmetric.mixKey(secret);
    wipe(secret);
  }

  #agreeStatic(peer: Uint8Array): Uint8Array {
    const secret = this.#static!.agreeStatic(peer);
    // A key that is our own serves this handshake alone.
    if (!this.#isStaticOurs) {
      wipe(this.#staticSecret);
      this.#staticSecret = secret.slice();
    }
    return secret;
  }

  #open(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#symmetric.openAndHash(ciphertext);
    if (plaintext === undefined) {
      throw new CryptoError(
        "HANDSHAKE_FAILED",
        `Handshake: message ${this.#messageIndex} does not authenticate`,
        { fault: "peer" },
      );
    }
    return plaintext;
  }

  #makeEphemeral(): AgreementKey {
    if (this.#testEphemeral) {
      return importAgreementKey(this.#testEphemeral, this.#provider);
    }
    const ahead = this.#ephemeralKeys?.take();
    if (ahead !== undefined) return ahead;
    const privateKey = new Uint8Array(X25519_KEY_LENGTH);
    this.#random!.fillSecret(privateKey);
    const key = importAgreementKey(privateKey, this.#provider);
    wipe(privateKey);
    return key;
  }
}

function tooLong(length: number): CryptoError {
  return new CryptoError(
    "INVALID_LENGTH",
    `Handshake message: at most ${MAX_NOISE_MESSAGE_LENGTH} bytes, got ${length}`,
  );
}
