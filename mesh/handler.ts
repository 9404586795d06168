/**
 * What a handler gets and what it gives.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  ContentType,
  formatAgentId,
  type JsonValue,
  type Value,
} from "../protocol/mod.ts";
import { fingerprint } from "../crypto/mod.ts";
import { type Address, formatAddress } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import type { Budget, BudgetAmounts } from "./budget.ts";
import type { CallTimer } from "./call_timer.ts";
import { type ReceivedContent, SealedValue, type Sendable } from "./content.ts";
import { CallError } from "./error.ts";
import { messageOf } from "./failure.ts";
import { checkJsonSize } from "./json_size.ts";
import { requireKind } from "./option_checks.ts";
import type { RequestInput } from "./request_input.ts";

/** Who calls. */
export class CallPeer {
  /** Its static public key, 32 bytes: the one fact that is proven. */
  readonly publicKey: Uint8Array;
  /** The name that it says it has. */
  readonly name: string | undefined;
  readonly #agentId: Uint8Array | undefined;
  readonly #address: Address;

  /**
   * Gathers what is known; for agents.
   *
   * @param connection Where the call came from.
   * @param envelope What came with the call.
   */
  constructor(
    connection: {
      readonly peerPublicKey: Uint8Array;
      readonly remoteAddress: Address;
    },
    envelope: { readonly caller?: string; readonly callerId?: Uint8Array },
  ) {
    this.publicKey = connection.peerPublicKey;
    this.#address = connection.remoteAddress;
    this.name = envelope.caller;
    this.#agentId = envelope.callerId;
  }

  /** Where its datagrams come from: `host:port`. */
  get address(): string {
    return formatAddress(this.#address);
  }

  /** The agent id that it says it has. */
  get id(): string | undefined {
    return this.#agentId === undefined
      ? undefined
      : formatAgentId(this.#agentId);
  }

  /** Fingerprint of the public key, as `ssh` writes them. */
  get fingerprint(): string {
    return fingerprint(this.publicKey);
  }
}

/** What a {@linkcode CallRequest} tells of: the call behind it. */
export interface CallFacts {
  /** What came in. */
  readonly request: {
    readonly method: string;
    readonly content: ReceivedContent;
    readonly envelope: {
      readonly metadata?: Readonly<Record<string, string>>;
      readonly capability?: string;
    };
  };
  /** What follows. */
  readonly input: RequestInput;
  /** By whom. */
  readonly caller: CallPeer;
  /** Aborted when the call is over before the handler is. */
  readonly race: AbortRace;
  /** Its limits. */
  readonly timer: CallTimer;
  /** What it may spend. */
  readonly budget: Budget;
  /** Its trace. */
  readonly traceId: bigint;
  /** Its span. */
  readonly spanId: bigint;
}

/** Metadata of a call without any. */
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({});

/**
 * One request, as a handler gets it. Calls that the handler makes inherit its
 * deadline, cancellation, budget and trace without being told to.
 */
export class CallRequest {
  readonly #call: CallFacts;

  /**
   * Wraps a request; for agents.
   *
   * @param call What came in.
   */
  constructor(call: CallFacts) {
    this.#call = call;
  }

  /** The method that is called. */
  get method(): string {
    return this.#call.request.method;
  }

  /** The value; a `SealedValue` when it is sealed for somebody else. */
  get value(): Value | SealedValue {
    return this.#call.request.content.value;
  }

  /** What the value is: see `ContentType`. */
  get contentType(): number {
    return this.#call.request.content.contentType;
  }

  /**
   * Further values of the caller; empty when it sends none. One loop at a time may
   * read them, another one gets `FAILED_PRECONDITION`; after a loop that was left
   * the next one reads on.
   */
  get input(): AsyncIterable<Value | SealedValue> {
    return this.#call.input;
  }

  /** Who calls. */
  get caller(): CallPeer {
    return this.#call.caller;
  }

  /**
   * Fires when the caller gave up, vanished, or ran out of time: what the
   * handler does then is for nobody. With an idempotency key it is for whoever
   * asks again: a handler may stop, and is run anew then, or go on and have its
   * answer stored.
   */
  get signal(): AbortSignal {
    return this.#call.race.signal;
  }

  /** What is left of the time, in milliseconds; `undefined` without a limit. */
  get remainingMs(): number | undefined {
    return this.#call.timer.remainingMs;
  }

  /** Trace of the whole tree of calls. */
  get traceId(): bigint {
    return this.#call.traceId;
  }

  /** Span of this handler. */
  get spanId(): bigint {
    return this.#call.spanId;
  }

  /** Pairs of text from the caller. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#call.request.envelope.metadata ?? NO_METADATA;
  }

  /** The capability by which the caller found this agent, if it did. */
  get capability(): string | undefined {
    return this.#call.request.envelope.capability;
  }

  /** What may still be spent; an absent amount is unlimited. */
  get budget(): BudgetAmounts {
    return this.#call.budget.remaining;
  }

  /**
   * Whether the value came sealed, for this agent or for somebody else. It says
   * nothing of who sealed it: anybody can seal, and can say of any bytes that
   * they are. What is proven is in `sealedBy`.
   */
  get isSealed(): boolean {
    return this.#call.request.content.sealed !== undefined;
  }

  /**
   * Static public key of whoever sealed the value, proven; `undefined` when it
   * did not come sealed for this agent, or the sealer did not say who it is.
   */
  get sealedBy(): Uint8Array | undefined {
    return this.#call.request.content.sealedBy;
  }

  /** The value in its sealed form, to be passed on; `undefined` when it was not sealed. */
  get sealed(): SealedValue | undefined {
    return this.#call.request.content.sealed;
  }

  /**
   * Takes from the budget.
   *
   * @param amounts How much was, or is about to be, used up.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when there is not so much left.
   */
  spend(amounts: BudgetAmounts): void {
    this.#call.budget.spend(amounts);
  }

  /**
   * The value's bytes as they came; a view. Text and JSON are UTF-8.
   *
   * @throws {CallError} `INVALID_ARGUMENT` when it is sealed for somebody else:
   * its sealed bytes are in `sealed`.
   */
  bytes(): Uint8Array {
    return this.#openedContent().body;
  }

  /**
   * The value as text: JSON as it was written, bytes as UTF-8.
   *
   * @throws {CallError} `INVALID_ARGUMENT` when the bytes are not UTF-8, or sealed
   * for somebody else. A handler that lets it pass answers with it.
   */
  text(): string {
    const { value, contentType, body } = this.#openedContent();
    if (typeof value === "string" && contentType === ContentType.TEXT) {
      return value;
    }
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(body);
    } catch (cause) {
      throw unreadable("not UTF-8", cause);
    }
  }

  /**
   * The value as JSON; text and bytes are parsed.
   *
   * @typeParam Result What it is taken for; not checked.
   * @throws {CallError} `INVALID_ARGUMENT` when it is not JSON, more than is taken as
   * JSON, or sealed for somebody else. A handler that lets it pass answers with it.
   */
  json<Result = JsonValue>(): Result {
    const { value, contentType, body } = this.#openedContent();
    if (contentType === ContentType.JSON) return value as Result;
    const text = this.text();
    try {
      checkJsonSize(body, "peer");
    } catch (cause) {
      throw new CallError("INVALID_ARGUMENT", messageOf(cause), { cause });
    }
    try {
      return JSON.parse(text) as Result;
    } catch (cause) {
      throw unreadable("not JSON", cause);
    }
  }

  /** What is not opened may be anything, even the plain value: it proves nothing. */
  #openedContent(): ReceivedContent {
    const { content } = this.#call.request;
    if (content.value instanceof SealedValue) {
      throw new CallError(
        "INVALID_ARGUMENT",
        "Request: its value is sealed, and not for this agent",
      );
    }
    return content;
  }
}

keepHiddenClass(new CallRequest(undefined as never));

/** Without the words of the cause: they quote the value, which may have come sealed. */
function unreadable(detail: string, cause: unknown): CallError {
  return new CallError("INVALID_ARGUMENT", `Request: its value is ${detail}`, {
    cause,
  });
}

/** Answers a call with one value. What it throws is answered as an error. */
export type CallHandler = (
  request: CallRequest,
) => Sendable | Promise<Sendable>;

/**
 * What a stream is made of. An iterable that is not asynchronous costs less for
 * each chunk: it is asked for the next one as long as there is room.
 */
export type ChunkSource = AsyncIterable<Sendable> | Iterable<Sendable>;

/**
 * Answers a call with a stream: a generator, asynchronous or not, or whatever
 * gives an iterable. When the reader gives up, its `return` is called.
 */
export type StreamHandler = (
  request: CallRequest,
) => ChunkSource | Promise<ChunkSource>;

/** A method. */
export type Method =
  | { readonly kind: "call"; readonly handler: CallHandler }
  | { readonly kind: "stream"; readonly handler: StreamHandler };

/**
 * Checks a method: one without a handler would fail with its first call.
 *
 * @param name What the user calls it.
 * @param method What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` for a name that is no text or empty, and a
 * handler that is no function.
 */
export function checkMethod(name: string, { handler }: Method): void {
  requireKind("Method: its name", name, "string");
  if (name === "") {
    throw new CallError("INVALID_ARGUMENT", "Method: its name is empty");
  }
  requireKind(`Method ${name}: its handler`, handler, "function");
}
