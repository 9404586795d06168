/**
 * What the streams of a connection have to tell its owner, in order.
 *
 * It has no bound of its own: of each stream and each kind of event at most one
 * waits, and how many streams there are is bounded elsewhere.
 *
 * @module
 */
import { Fifo } from "../../../internal/fifo.ts";
import type { Stream } from "./stream.ts";
import type { StreamEvent } from "./stream_event.ts";

/** Where the stream of an event is found. */
interface Streams {
  get(id: number): Stream | undefined;
}

/** Events of streams. One that says the same as another that waits is left out. */
export class StreamEventQueue {
  readonly #streams: Streams;
  readonly #events = new Fifo<StreamEvent>();
  #isAvailableQueued = false;
  #toldOfAll: Stream | undefined;

  /**
   * Starts empty.
   *
   * @param streams The streams: none is forgotten that has events here.
   */
  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /**
   * Adds an event that happens once in the life of a stream.
   *
   * @param stream Where it happened.
   * @param event What happened.
   */
  push(stream: Stream, event: StreamEvent): void {
    stream.eventCount++;
    this.#events.push(event);
  }

  /**
   * There is something to read.
   *
   * @param stream Where.
   */
  pushReadable(stream: Stream): void {
    if (stream.isReadableQueued) return;
    stream.isReadableQueued = true;
    this.push(stream, { type: "stream-readable", id: stream.id });
  }

  /**
   * There is room to write.
   *
   * @param stream Where.
   */
  pushWritable(stream: Stream): void {
    if (stream.isWritableQueued) return;
    stream.isWritableQueued = true;
    this.push(stream, { type: "stream-writable", id: stream.id });
  }

  /** More streams can be opened than before. */
  pushAvailable(): void {
    if (this.#isAvailableQueued) return;
    this.#isAvailableQueued = true;
    this.#events.push({ type: "streams-available" });
  }

  /** The stream of the event that was taken last, if none of its events waits now. */
  get toldOfAll(): Stream | undefined {
    return this.#toldOfAll;
  }

  /** Takes the next event, if any. */
  shift(): StreamEvent | undefined {
    const event = this.#events.shift();
    this.#toldOfAll = undefined;
    if (event === undefined) return undefined;
    if (event.type === "streams-available") {
      this.#isAvailableQueued = false;
      return event;
    }
    // A stream with events is not forgotten.
    const stream = this.#streams.get(event.id)!;
    if (--stream.eventCount === 0) this.#toldOfAll = stream;
    if (event.type === "stream-readable") stream.isReadableQueued = false;
    else if (event.type === "stream-writable") stream.isWritableQueued = false;
    return event;
  }
}
