/**
 * A call that comes in, from its stream on.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { TransportConnection, TransportStream } from "../transport/mod.ts";
import { AbortRace } from "./abort.ts";
import { REQUEST_SILENCE_MS } from "./config.ts";
import { CallError } from "./error.ts";
import type { SlotUser } from "./handler_slots.ts";
import type { KeyEntry } from "./key_table.ts";
import { type MemoryLimit, MessageChannel } from "./message_channel.ts";
import { StatusCode, statusName } from "./status_code.ts";

/** What a key has of a callee, over all its connections. */
export interface CallingKey extends KeyEntry, SlotUser {
  /** Bounds what is held of its unfinished requests. */
  readonly memory: MemoryLimit;
  /** Bounds what its decompressed requests take: apart, or small ones found no room. */
  readonly decoded: MemoryLimit;
}

/**
 * Where a request comes in, and who gives it up. A class for the reason that
 * `CallContext` tells.
 */
export class IncomingCall {
  /** Its stream. */
  readonly channel: MessageChannel;
  /** The connection of the stream. */
  readonly connection: TransportConnection;
  /** Whose it is. */
  readonly key: CallingKey;
  /** Aborted when the caller gives up or is gone. */
  readonly race: AbortRace = new AbortRace();

  /**
   * @param stream Where it comes in.
   * @param connection Of the stream.
   * @param key Whose it is.
   */
  constructor(
    stream: TransportStream,
    connection: TransportConnection,
    key: CallingKey,
  ) {
    this.channel = new MessageChannel(stream, { memory: key.memory });
    this.connection = connection;
    this.key = key;
    const { race } = this;
    // Not at the right of the property: V8 puts a function that is written there
    // into its old generation.
    const onStopped = (code: number): void => race.abort(givenUp(code));
    stream.onStopped = onStopped;
  }

  /**
   * Gives the request up when no more of it has come for long. Looks at it now and
   * then, which costs a large one less than a timer for each of its pieces.
   *
   * @param clock Tells when.
   * @returns Ends that.
   */
  watch(clock: Clock): () => void {
    const { channel, race } = this;
    let lookedAtBytes = -1;
    let cancelTimer: () => void;
    const look = (): void => {
      if (channel.bytesReceived === lookedAtBytes) {
        channel.cancel(StatusCode.DEADLINE_EXCEEDED);
        race.abort(
          new CallError("DEADLINE_EXCEEDED", "Request: it did not arrive"),
        );
        return;
      }
      lookedAtBytes = channel.bytesReceived;
      cancelTimer = clock.schedule(REQUEST_SILENCE_MS, look);
    };
    look();
    return () => cancelTimer();
  }
}

keepHiddenClass(
  new IncomingCall(
    {} as TransportStream,
    undefined as never,
    {} as CallingKey,
  ),
);

function givenUp(code: number): CallError {
  return statusName(code) === "DEADLINE_EXCEEDED"
    ? new CallError("DEADLINE_EXCEEDED", "Call: the caller's time ran out")
    : new CallError("CANCELLED", "Call: the caller gave up");
}
