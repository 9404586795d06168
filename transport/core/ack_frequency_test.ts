import assert from "node:assert/strict";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import {
  type AckFrequencyFrame,
  decodeFrame,
  encodeAckFrequencyFrame,
} from "../../protocol/frame/mod.ts";
import { HostilePeer } from "../../tests/support/hostile_peer.ts";
import { Pair, readAll } from "../../tests/support/pair.ts";
import { AckFrequency } from "./ack_frequency.ts";
import { AckTracker } from "./ack_tracker.ts";
import type { SentFrame } from "./sent_frame.ts";

const MAX_ACK_DELAY_MS = 5;

/** The frame that is written, if one is. */
function written(
  frequency: AckFrequency,
  limit = 100,
): AckFrequencyFrame | undefined {
  const writer = new ByteWriter(new Uint8Array(100));
  const sent: SentFrame[] = [];
  frequency.writeFrames(writer, limit, sent);
  if (writer.offset === 0) {
    assert.deepEqual(sent, []);
    return undefined;
  }
  const frame = decodeFrame(new ByteReader(writer.written));
  assert.ok(frame.type === "ack-frequency");
  const { type, sequence } = frame;
  assert.deepEqual(sent, [{ type, sequence }]);
  return frame;
}

function standing(packets: number): { packets: number; isSought: boolean } {
  return { packets, isSought: false };
}

Deno.test("AckFrequency asks for an acknowledgement every quarter of a window", () => {
  const frequency = new AckFrequency(MAX_ACK_DELAY_MS);
  frequency.update(standing(64));
  assert.equal(written(frequency, 3), undefined);
  assert.deepEqual(written(frequency), {
    type: "ack-frequency",
    sequence: 0,
    threshold: 16,
    maxAckDelayMicros: 5_000,
    reorderingThreshold: 3,
  });
  assert.equal(written(frequency), undefined);
});

Deno.test("AckFrequency leaves slow start the round-trip times that it needs (RFC 9406 §4.2)", () => {
  const frequency = new AckFrequency(MAX_ACK_DELAY_MS);
  frequency.update({ packets: 320, isSought: true });
  assert.equal(written(frequency)!.threshold, 20);
});

Deno.test("AckFrequency keeps quiet as long as its wish is about right, and one is under way", () => {
  const frequency = new AckFrequency(MAX_ACK_DELAY_MS);
  // Two, as everybody does without being asked.
  for (const packets of [1, 4, 8, 15]) frequency.update(standing(packets));
  assert.equal(written(frequency), undefined);
  frequency.update(standing(40));
  assert.equal(written(frequency)!.threshold, 10);
  frequency.update(standing(400));
  assert.equal(written(frequency), undefined);
  frequency.onFrameAcked(0);
  for (const packets of [24, 79]) frequency.update(standing(packets));
  assert.equal(written(frequency), undefined);
  frequency.update(standing(20));
  assert.deepEqual(
    [written(frequency)!].map(({ sequence, threshold }) => [
      sequence,
      threshold,
    ]),
    [[1, 5]],
  );
  frequency.onFrameAcked(1);
  frequency.update(standing(1e6));
  assert.equal(written(frequency)!.threshold, 256);
});

Deno.test("AckFrequency says again what was lost", () => {
  const frequency = new AckFrequency(MAX_ACK_DELAY_MS);
  frequency.update(standing(64));
  const first = written(frequency);
  frequency.onFrameLost(0);
  assert.deepEqual(written(frequency), first);
  // A probe repeats what is only late.
  frequency.onFrameLost(0);
  frequency.onFrameAcked(0);
  assert.equal(written(frequency), undefined);
});

Deno.test("AckFrequency is not misled by what became of an older wish", () => {
  const frequency = new AckFrequency(MAX_ACK_DELAY_MS);
  frequency.update(standing(64));
  written(frequency);
  frequency.onFrameLost(0);
  written(frequency);
  frequency.onFrameAcked(0);
  frequency.update(standing(400));
  // The repetition of the first one arrives, or is lost.
  frequency.onFrameAcked(0);
  frequency.onFrameLost(0);
  assert.equal(written(frequency)!.threshold, 100);
});

/** Takes packets one after the other and says which of them call for an acknowledgement at once. */
function urgentOf(
  tracker: AckTracker,
  packetNumbers: readonly number[],
): number[] {
  return packetNumbers.filter((packetNumber) => {
    tracker.handlePacket(0, packetNumber, true);
    const isUrgent = tracker.isAckDue(0);
    if (isUrgent) tracker.onAckSent(0);
    return isUrgent;
  });
}

function asked(
  options: Partial<AckFrequencyFrame>,
): Omit<AckFrequencyFrame, "type"> {
  return {
    sequence: 0,
    threshold: 100,
    maxAckDelayMicros: 5_000,
    reorderingThreshold: 3,
    ...options,
  };
}

Deno.test("AckTracker acknowledges as often as the peer asks, and by its newest wish", () => {
  const tracker = new AckTracker({ maxAckDelayMs: MAX_ACK_DELAY_MS });
  assert.deepEqual(urgentOf(tracker, [0, 1, 2, 3]), [1, 3]);
  tracker.handleFrequency(asked({ sequence: 4, threshold: 3 }));
  tracker.handleFrequency(asked({ sequence: 3, threshold: 1 }));
  tracker.handleFrequency(asked({ sequence: 4, threshold: 1 }));
  assert.deepEqual(urgentOf(tracker, [4, 5, 6, 7, 8, 9]), [6, 9]);
});

Deno.test("AckTracker waits as long as the peer asks, and never longer than it has said", () => {
  for (const [askedMs, expectedMs] of [[0, 0], [2, 2], [5, 5], [900, 5]]) {
    const tracker = new AckTracker({ maxAckDelayMs: MAX_ACK_DELAY_MS });
    tracker.handleFrequency(asked({ maxAckDelayMicros: 1_000 * askedMs! }));
    tracker.handlePacket(10, 0, true);
    assert.equal(tracker.deadline, 10 + expectedMs!);
  }
});

Deno.test("AckTracker acknowledges at once what is as far above a gap as the peer asks, once", () => {
  const tracker = new AckTracker();
  tracker.handleFrequency(asked({}));
  // 3 is missing: lost when 6 is there (RFC 9002 §6.1.1).
  assert.deepEqual(urgentOf(tracker, [0, 1, 2, 4, 5, 6, 7, 8, 9]), [6]);
  // 10 and 11 are missing, 12 to 14 above them: one acknowledgement says both.
  assert.deepEqual(urgentOf(tracker, [12, 13, 14, 15, 16]), [13, 14]);
  const exact = new AckTracker();
  exact.handleFrequency(asked({ reorderingThreshold: 1 }));
  assert.deepEqual(urgentOf(exact, [0, 1, 3, 4]), [3]);
});

Deno.test("AckTracker acknowledges at once what it had reported missing", () => {
  const tracker = new AckTracker();
  tracker.handleFrequency(asked({}));
  assert.deepEqual(urgentOf(tracker, [0, 1, 3, 4, 5, 6]), [5]);
  assert.deepEqual(urgentOf(tracker, [2, 7]), [2]);
  // Late, but nobody was told that it is missing.
  assert.deepEqual(urgentOf(tracker, [9, 8, 10]), []);
});

Deno.test("A peer that asks for an acknowledgement after 0 packets is closed", () => {
  const peer = new HostilePeer();
  const writer = new ByteWriter(new Uint8Array(20));
  encodeAckFrequencyFrame(writer, asked({}));
  const frame = writer.written.slice();
  frame[3] = 0x40;
  frame[4] = 0;
  peer.send(frame);
  assert.equal(peer.closeCode(), 7);
});

Deno.test("A bulk transfer is acknowledged by few packets, and none of it is declared lost for that", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  const totalBytes = 4_000_000;
  let rest = new Uint8Array(totalBytes);
  let receivedBytes = 0;
  const id = server.openStream({ priority: 2 })!;
  const pump = (): void => {
    rest = rest.subarray(server.writeStream(id, rest));
  };
  pair.server.onEvent = (_connection, event) => {
    if (event.type === "stream-writable") pump();
  };
  pair.client.onEvent = (connection, event) => {
    if (event.type !== "stream-readable") return;
    receivedBytes += readAll(connection, event.id).length;
  };
  pump();
  pair.runUntil(() => receivedBytes === totalBytes);
  const share = client.stats.packetsSent / server.stats.packetsSent;
  assert.ok(share < 0.1, `${share} packets for each`);
  assert.equal(server.stats.packetsLost, 0);
});
