/**
 * A handshake on its way: when to repeat its packets, and when to give up.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import type { Address } from "./address.ts";
import { MAX_HELLO_TIMEOUT_MS } from "./config.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import { TransportError } from "./error.ts";
import type { HandshakeOutcome, HandshakeResult } from "./handshake.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import type { ResponderHandshake } from "./responder_handshake.ts";
import type { DropReason } from "./stats.ts";

/** One end's handshake, with its timers. */
export class PendingHandshake {
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  readonly #handshake: InitiatorHandshake | ResponderHandshake;
  readonly #timeoutMs: number;
  readonly #giveUpAt: Instant;
  readonly #minHelloTimeoutMs: number;
  #helloTimeoutMs: number;
  #helloDueAt: Instant = Infinity;
  #isPacketDue = true;
  /** The second datagram of our message, once the first has left. */
  #restDue: Uint8Array | undefined;
  #refusal: TransportError | undefined;
  #foreignAnswerAddress: Address | undefined;
  #sentCount = 0;
  #sentAt: Instant = 0;

  /**
   * @param now The time.
   * @param handshake Our half of the handshake.
   * @param config The endpoint's configuration.
   */
  constructor(
    now: Instant,
    handshake: InitiatorHandshake | ResponderHandshake,
    config: EndpointConfig,
  ) {
    this.isInitiator = handshake instanceof InitiatorHandshake;
    this.#handshake = handshake;
    this.#timeoutMs = config.handshakeTimeoutMs;
    this.#giveUpAt = now + config.handshakeTimeoutMs;
    this.#helloTimeoutMs = this.#minHelloTimeoutMs = config.helloTimeoutMs;
  }

  /**
   * What goes before every packet until the peer is known to have it: the third
   * message of the initiator, the second of a responder that answers a ticket.
   */
  get prefix(): Uint8Array | undefined {
    if (this.#handshake instanceof InitiatorHandshake) {
      return this.#handshake.finish;
    }
    return this.#handshake.result.isResumed
      ? this.#handshake.response
      : undefined;
  }

  /** What the responder holds after a hello with a ticket. */
  get result(): HandshakeResult {
    assert(
      !(this.#handshake instanceof InitiatorHandshake),
      "Only a responder has keys before it is answered",
    );
    return this.#handshake.result;
  }

  /**
   * What a responder holds that has the keys before the initiator's finish: the
   * pattern IK gives them with the answer.
   */
  get answered():
    | { readonly result: HandshakeResult; readonly response: Uint8Array }
    | undefined {
    const handshake = this.#handshake;
    if (handshake instanceof InitiatorHandshake || !handshake.hasKeys) {
      return undefined;
    }
    return { result: handshake.result, response: handshake.response };
  }

  /**
   * Round-trip time from our packet to its answer. One that was repeated gives
   * no certain sample (RFC 6298 §3).
   *
   * @param now When the answer arrived.
   * @returns Milliseconds, or `undefined`.
   */
  rttMs(now: Instant): number | undefined {
    return this.#sentCount === 1 ? now - this.#sentAt : undefined;
  }

  /**
   * Takes the peer's next message.
   *
   * @param packet A whole handshake packet.
   * @returns The keys, or why it was dropped.
   */
  handlePacket(packet: Uint8Array): HandshakeOutcome {
    return this.#handshake instanceof InitiatorHandshake
      ? this.#handshake.handleResponderHello(packet)
      : this.#handshake.handleFinish(packet);
  }

  /**
   * Takes the word that our hello has to be another one, which leaves at once:
   * with a proof of our address, for a suite that both ends have, or without its
   * ticket.
   *
   * @param kind What is wanted.
   * @param packet A whole handshake packet.
   * @returns Why it was dropped, or `undefined`.
   */
  handleHelloAnswer(
    kind: "retry" | "suite-refusal" | "ticket-refusal",
    packet: Uint8Array,
  ): DropReason | undefined {
    const handshake = this.#handshake;
    if (!(handshake instanceof InitiatorHandshake)) return "malformed";
    const reason = kind === "retry"
      ? handshake.handleRetry(packet)
      : kind === "suite-refusal"
      ? handshake.handleSuiteRefusal(packet)
      : handshake.handleTicketRefusal(packet);
    if (reason !== undefined) return reason;
    if (kind !== "retry") this.#refusal ??= handshake.refusal;
    if (kind === "retry" || this.#refusal === undefined) {
      this.#isPacketDue = true;
    }
    return undefined;
  }

  /** Forgets the keys of a handshake that comes to nothing. */
  wipe(): void {
    this.#handshake.wipe();
  }

  /** The peer repeats its hello: our answer is repeated. */
  handleRepeatedHello(): void {
    this.#isPacketDue = true;
  }

  /**
   * Somebody says that our hello was meant for another key. Whoever forges this
   * can only make a failing handshake fail with another error: a genuine answer
   * that comes before the next repetition still wins.
   */
  handleRefusal(): void {
    this.#refusal ??= new TransportError(
      "PEER_KEY_MISMATCH",
      "Handshake: the peer does not hold the expected static key",
    );
  }

  /**
   * Somebody says that the responder does not speak our version. It waits as a
   * refusal does: RFC 9000 §6.2 would give up at once, to whoever is faster than
   * the responder.
   *
   * @param error What the connection ends with.
   */
  handleVersionNegotiation(error: TransportError): void {
    this.#refusal ??= error;
  }

  /** Where an answer came from that does not count from there. */
  get foreignAnswerAddress(): Address | undefined {
    return this.#foreignAnswerAddress;
  }

  /**
   * An answer came from where the hello did not go, with nothing that shows that
   * its sender has seen it. It ends nothing; a person may want to know.
   *
   * @param from Where it came from; copied.
   */
  handleForeignAnswer(from: Address): void {
    this.#foreignAnswerAddress = { ...from };
  }

  /** When {@linkcode PendingHandshake.handleTimeout} has to be called next. */
  pollTimeout(): Instant {
    return Math.min(this.#giveUpAt, this.#helloDueAt);
  }

  /**
   * Does what is due.
   *
   * @param now The time.
   * @returns Why the handshake has failed, if it has.
   */
  handleTimeout(now: Instant): TransportError | undefined {
    if (this.#helloDueAt <= now) {
      if (this.#refusal !== undefined) return this.#refusal;
      this.#helloDueAt = Infinity;
      this.#helloTimeoutMs = Math.min(
        2 * this.#helloTimeoutMs,
        MAX_HELLO_TIMEOUT_MS,
      );
      this.#isPacketDue = true;
    }
    if (this.#giveUpAt > now) return undefined;
    return new TransportError(
      "HANDSHAKE_TIMEOUT",
      `Handshake: no answer within ${this.#timeoutMs} ms`,
    );
  }

  /**
   * Writes our packet, if it is due.
   *
   * @param now The time.
   * @param into Where to write.
   * @param allowedBytes What may be sent to an address that is not proven.
   * @returns Its length, or 0.
   */
  poll(now: Instant, into: Uint8Array, allowedBytes: number): number {
    if (!this.#isPacketDue) return this.#pollRest(into);
    const handshake = this.#handshake;
    const [packet, rest] = handshake instanceof InitiatorHandshake
      ? [handshake.hello, handshake.helloRest]
      : [handshake.response, handshake.responseRest];
    this.#isPacketDue = false;
    const byteCount = packet.length + (rest?.length ?? 0);
    // RFC 9000 §8.1: the repetition of the hello will bring new allowance.
    if (!this.isInitiator && allowedBytes < byteCount) return 0;
    this.#restDue = rest;
    if (this.isInitiator) this.#helloDueAt = this.#nextHelloAt(now);
    this.#sentCount++;
    this.#sentAt = now;
    into.set(packet);
    return packet.length;
  }

  /**
   * When the hello is repeated. A repetition that would come too late comes half-way
   * to the end, or a path that is back long before it is not found.
   */
  #nextHelloAt(now: Instant): Instant {
    const halfLeftMs = (this.#giveUpAt - now) / 2;
    const isLast = this.#helloTimeoutMs >= 2 * halfLeftMs;
    return now +
      (isLast && halfLeftMs >= this.#minHelloTimeoutMs
        ? halfLeftMs
        : this.#helloTimeoutMs);
  }

  #pollRest(into: Uint8Array): number {
    const rest = this.#restDue;
    if (rest === undefined) return 0;
    this.#restDue = undefined;
    into.set(rest);
    return rest.length;
  }
}
