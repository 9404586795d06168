/**
 * Deliberate faults: each is a change to one line of the transport that a
 * simulation has to notice. `deno task sim:mutations` plants them one by one in
 * a copy of the sources.
 *
 * @module
 */

/** A fault to plant. */
export interface Mutation {
  /** What is wrong then. */
  readonly name: string;
  /** The file, from the root of the project. */
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly from: string;
  /** What stands there instead. */
  readonly to: string;
}

const CORE = "transport/core";

/** The faults, from the packet up to the connection. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "the replay window accepts what it has seen",
    file: `${CORE}/replay_window.ts`,
    from: "return (this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0;",
    to: "return (this.#words[bit >>> 5]! & (1 << (bit & 31))) >= 0;",
  },
  {
    name: "the replay window is off by one bit",
    file: `${CORE}/replay_window.ts`,
    from: "this.#words[bit >>> 5]! |= 1 << (bit & 31);",
    to: "this.#words[bit >>> 5]! |= 1 << ((bit + 1) & 31);",
  },
  {
    name: "lost stream data is not sent again",
    file: `${CORE}/stream/send_stream.ts`,
    from: "this.#lost.add(start, end);",
    to: "this.#lost.add(start, start);",
  },
  {
    name: "a lost end of a stream is not sent again",
    file: `${CORE}/stream/send_stream.ts`,
    from:
      "if (frame.isFin && !this.#isFinAcked) this.#isFinPending = true;\n    // Data",
    to: "// Data",
  },
  {
    name: "the credit of what was read is never returned",
    file: `${CORE}/flow_control.ts`,
    from: "this.#consumedBytes += byteCount;",
    to: "this.#consumedBytes += 0 * byteCount;",
  },
  {
    name: "keys are not derived anew at the second update",
    file: `${CORE}/packet_protection.ts`,
    from: "this.#receiveNext = undefined;",
    to: "",
  },
  {
    name: "a packet number is used twice after a key update",
    file: `${CORE}/packet_builder.ts`,
    from: "const packetNumber = this.#numbers.take();",
    to:
      "const packetNumber = this.#numbers.take() - (this.#protection.keyUpdateCount > 0 ? 1 : 0);",
  },
  {
    name: "packets are acknowledged although their frames were not all taken",
    file: `${CORE}/loss_detector.ts`,
    from: "this.#sent.takeRange(range.start, range.end, acked);",
    to: "this.#sent.takeRange(range.start - 1, range.end, acked);",
  },
  {
    name: "a probe timeout sends nothing",
    file: `${CORE}/packet_space.ts`,
    from: "this.#probesDue = PROBE_PACKET_COUNT;",
    to: "this.#probesDue = 0;",
  },
  {
    name: "the congestion window is not looked at",
    file: `${CORE}/recovery.ts`,
    from: "this.#bytesInFlight + this.#maxDatagramBytes >",
    to: "this.#maxDatagramBytes >",
  },
  {
    name: "a peer that moved is not followed",
    file: `${CORE}/connection.ts`,
    from: "if (isElsewhere && space.isOpenedNewest) {",
    to: "if (isElsewhere && space.isOpenedNewest && now < 0) {",
  },
  {
    name: "the finish goes out once only",
    file: `${CORE}/packet_builder.ts`,
    from: "into.set(this.#prefix);\n    return this.#prefix.length;",
    to:
      "into.set(this.#prefix);\n    const { length } = this.#prefix;\n    this.#prefix = undefined;\n    return length;",
  },
  {
    name: "bytes that arrived early are given out in the wrong place",
    file: `${CORE}/stream/reassembler.ts`,
    from: ": data.subarray(this.#orderedEnd - offset, stop - offset),",
    to: ": data.subarray(0, stop - this.#orderedEnd),",
  },
  {
    name: "a ticket is taken a second time",
    file: `${CORE}/session_ticket.ts`,
    from: "if (key.used.has(trace)) return",
    to: "if (key.used.has(-trace)) return",
  },
  {
    name: "a ticket that was refused for lack of memory is taken later",
    file: `${CORE}/session_ticket.ts`,
    from: "return usedCount >= this.#maxUsed ?",
    to: "return usedCount >= this.#maxUsed && leftMs % 3 < 1 ?",
  },
  {
    name: "a ticket that was given up is taken",
    file: `${CORE}/resumptions.ts`,
    from:
      "if (isEqualConstantTime(initiatorPublicKey, owner)) outcome.ticket.giveUp();",
    to: "if (now < 0) outcome.ticket.giveUp();",
  },
  {
    name: "the copy of a first datagram is not known from elsewhere",
    file: `${CORE}/hello_receiver.ts`,
    from: "return ticket === undefined ? [key] : [key, idKeyOf(connectionId)];",
    to: "return ticket === undefined ? [key] : [key];",
  },
  {
    name: "early data that was refused is not sent again",
    file: `${CORE}/early_data.ts`,
    from: "else this.streams.onFrameLost(frame);",
    to: "else this.streams.onFrameAcked(frame);",
  },
];
