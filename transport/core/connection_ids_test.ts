import assert from "node:assert/strict";
import fc from "fast-check";
import { HostilePeer } from "../../tests/support/hostile_peer.ts";
import { Pair } from "../../tests/support/pair.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { decodeFrame, type Frame } from "../../protocol/frame/mod.ts";
import {
  encodeNewConnectionIdFrame,
  encodeRetireConnectionIdFrame,
} from "../../protocol/frame/mod.ts";
import { connectionIdKey } from "../../protocol/mod.ts";
import { DEFAULT_MAX_CONNECTION_IDS } from "./config.ts";
import { CloseCode, TransportError } from "./error.ts";
import { LocalConnectionIds } from "./local_connection_ids.ts";
import {
  PeerConnectionIds,
  type PeerConnectionIdsOptions,
} from "./peer_connection_ids.ts";
import type { SentFrame } from "./sent_frame.ts";

const MAX_COUNT = 4;

/** An id and a token that follow from a sequence. */
function numbered(
  sequence: number,
): { connectionId: Uint8Array; resetToken: Uint8Array } {
  return {
    connectionId: Uint8Array.of(sequence, 1, 1, 1, 1, 0, 0, 0),
    resetToken: new Uint8Array(16).fill(sequence),
  };
}

function offer(
  sequence: number,
  retirePriorTo = 0,
): Parameters<PeerConnectionIds["handleNew"]>[0] {
  return {
    type: "new-connection-id",
    sequence,
    retirePriorTo,
    ...numbered(sequence),
  };
}

/** The peer's ids, and the tokens that count. */
function peerIds(
  options: Partial<PeerConnectionIdsOptions> = {},
): { ids: PeerConnectionIds; tokens: Set<number> } {
  const tokens = new Set<number>();
  const ids = new PeerConnectionIds({
    first: { sequence: 0, ...numbered(0) },
    maxCount: MAX_COUNT,
    tokens: {
      learnResetToken: (token) => tokens.add(token[0]!),
      forgetResetToken: (token) => tokens.delete(token[0]!),
    },
    ...options,
  });
  return { ids, tokens };
}

/** The frames that wait, and their records. */
function written(
  from: { writeFrames: PeerConnectionIds["writeFrames"] },
  limit = 1_000,
): { frames: Frame[]; sent: SentFrame[] } {
  const writer = new ByteWriter(new Uint8Array(1_000));
  const sent: SentFrame[] = [];
  from.writeFrames(writer, limit, sent);
  const reader = new ByteReader(writer.written);
  const frames: Frame[] = [];
  while (reader.remaining > 0) frames.push(decodeFrame(reader));
  return { frames, sent };
}

function retiredSequences(ids: PeerConnectionIds): number[] {
  return written(ids).frames.map((frame) => {
    assert.ok(frame.type === "retire-connection-id");
    return frame.sequence;
  });
}

function hasCode(
  code: string,
  closeCode?: number,
): (error: unknown) => boolean {
  return (error) =>
    error instanceof TransportError && error.code === code &&
    (closeCode === undefined || error.closeCode === closeCode);
}

Deno.test("PeerConnectionIds gives each path an id of its own, and gives it up with the path (RFC 9000 §9.5)", () => {
  const { ids, tokens } = peerIds();
  const first = ids.assign();
  assert.equal(first.id.sequence, 0);
  for (const sequence of [2, 1, 3]) ids.handleNew(offer(sequence));
  assert.deepEqual([...tokens], [0]);
  const second = ids.assign();
  assert.equal(second.id.sequence, 1);
  assert.deepEqual([...tokens], [0, 1]);
  ids.release(first);
  assert.deepEqual([...tokens], [1]);
  assert.deepEqual(retiredSequences(ids), [0]);
  // Released twice is released once.
  ids.release(first);
  assert.deepEqual(retiredSequences(ids), []);
  assert.equal(ids.changeCount, 1);
});

Deno.test("PeerConnectionIds shares an id where there is no spare one, and keeps it as long as a path uses it", () => {
  const { ids } = peerIds();
  const first = ids.assign();
  const second = ids.assign();
  assert.equal(second.id, first.id);
  ids.release(first);
  assert.equal(ids.hasPending, false);
  assert.equal(ids.count, 1);
});

Deno.test("PeerConnectionIds takes another id for a path whose id the peer takes back (RFC 9000 §5.1.2)", () => {
  const { ids, tokens } = peerIds();
  const path = ids.assign();
  ids.handleNew(offer(1));
  ids.handleNew(offer(2, 2));
  assert.equal(path.id.sequence, 2);
  assert.deepEqual(retiredSequences(ids), [0, 1]);
  assert.deepEqual([...tokens], [2]);
  // A late one below is given up at once (RFC 9000 §19.15).
  const late = peerIds().ids;
  late.assign();
  late.handleNew(offer(3, 3));
  assert.deepEqual(retiredSequences(late), [0]);
  late.handleNew(offer(1));
  assert.deepEqual(retiredSequences(late), [1]);
  late.handleNew(offer(1));
  assert.deepEqual(retiredSequences(late), []);
});

Deno.test("PeerConnectionIds says again that an id is given up until the peer knows it", () => {
  const { ids } = peerIds();
  const first = ids.assign();
  ids.handleNew(offer(1));
  ids.assign();
  ids.release(first);
  assert.deepEqual(written(ids, 2).frames, []);
  const { sent } = written(ids);
  assert.deepEqual(sent, [{ type: "retire-connection-id", sequence: 0 }]);
  ids.onFrameLost(0);
  ids.onFrameLost(0);
  assert.deepEqual(retiredSequences(ids), [0]);
  ids.onFrameAcked(0);
  ids.onFrameLost(0);
  assert.deepEqual(retiredSequences(ids), []);
});

Deno.test("PeerConnectionIds takes maxCount ids and not one more (RFC 9000 §5.1.1)", () => {
  const { ids } = peerIds();
  ids.assign();
  for (let sequence = 1; sequence < MAX_COUNT; sequence++) {
    ids.handleNew(offer(sequence));
  }
  // A repetition is not another one.
  ids.handleNew(offer(1));
  assert.equal(ids.count, MAX_COUNT);
  assert.throws(
    () => ids.handleNew(offer(MAX_COUNT)),
    hasCode("LIMIT", CloseCode.CONNECTION_ID_LIMIT_ERROR),
  );
});

Deno.test("PeerConnectionIds refuses to remember ids taken back without end (RFC 9000 §5.1.2)", () => {
  const { ids } = peerIds();
  ids.assign();
  let sequence = 1;
  assert.throws(() => {
    for (; sequence < 1_000; sequence++) {
      ids.handleNew(offer(sequence % 256, sequence % 256));
    }
  }, hasCode("LIMIT", CloseCode.CONNECTION_ID_LIMIT_ERROR));
  assert.equal(sequence, 4 * MAX_COUNT + 1);
});

Deno.test("PeerConnectionIds refuses an id that contradicts another one (RFC 9000 §19.15)", () => {
  const { ids } = peerIds();
  ids.assign();
  ids.handleNew(offer(1));
  assert.throws(
    () =>
      ids.handleNew({ ...offer(1), connectionId: numbered(9).connectionId }),
    hasCode("PROTOCOL_VIOLATION"),
  );
  assert.throws(
    () =>
      ids.handleNew({ ...offer(2), connectionId: numbered(1).connectionId }),
    hasCode("PROTOCOL_VIOLATION"),
  );
});

Deno.test("PeerConnectionIds keeps its bounds whatever the peer offers", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(40), fc.nat(40), fc.nat(3)), { maxLength: 60 }),
    (steps) => {
      const { ids, tokens } = peerIds();
      const paths = [ids.assign()];
      for (const [sequence, retirePriorTo, action] of steps) {
        try {
          ids.handleNew(offer(sequence, Math.min(sequence, retirePriorTo)));
        } catch (error) {
          assert.ok(error instanceof TransportError);
          return;
        }
        if (action === 1) paths.push(ids.assign());
        if (paths.length > 2 || (action === 2 && paths.length > 1)) {
          ids.release(paths.shift()!);
        }
        if (action === 3) {
          for (const each of retiredSequences(ids)) ids.onFrameAcked(each);
        }
        assert.ok(ids.count <= MAX_COUNT);
        assert.ok(tokens.size <= 2);
        for (const { id } of paths) assert.ok(tokens.has(id.sequence));
      }
    },
  ));
});

/** Our ids, and those that packets with still reach us. */
function localIds(
  maxCount = MAX_COUNT,
): { ids: LocalConnectionIds; routed: Set<number> } {
  let issuedCount = 0;
  const routed = new Set<number>([0]);
  const ids = new LocalConnectionIds({
    first: numbered(0).connectionId,
    maxCount,
    routes: {
      issue: () => {
        routed.add(++issuedCount);
        return numbered(issuedCount);
      },
      release: (id) => routed.delete(id[0]!),
    },
  });
  return { ids, routed };
}

const OTHER_KEY = 77;

function offeredBy(ids: LocalConnectionIds): [number, number][] {
  return written(ids).frames.map((frame) => {
    assert.ok(frame.type === "new-connection-id");
    return [frame.sequence, frame.retirePriorTo];
  });
}

Deno.test("LocalConnectionIds gives the peer as many ids as it takes, once in a round trip", () => {
  const { ids, routed } = localIds();
  ids.replenish();
  ids.replenish();
  assert.deepEqual(offeredBy(ids), [[1, 0], [2, 0], [3, 0]]);
  assert.equal(routed.size, MAX_COUNT);
  // As fast as they are given up, nothing follows until the last ones arrived.
  ids.handleRetire(0, OTHER_KEY);
  ids.handleRetire(1, OTHER_KEY);
  ids.replenish();
  assert.equal(ids.hasPending, false);
  ids.onFrameAcked(2);
  ids.onFrameAcked(3);
  ids.replenish();
  assert.deepEqual(offeredBy(ids), [[4, 0], [5, 0]]);
  assert.equal(ids.issuedCount, 6);
});

Deno.test("LocalConnectionIds adds none for a peer that takes one", () => {
  const { ids } = localIds(1);
  ids.renew();
  ids.replenish();
  assert.equal(ids.hasPending, false);
});

Deno.test("LocalConnectionIds still takes late packets for the ids given up last, and forgets the ones before", () => {
  const { ids, routed } = localIds();
  for (let round = 0; round < 30; round++) {
    ids.replenish();
    for (const [sequence] of offeredBy(ids)) ids.onFrameAcked(sequence);
    ids.handleRetire(round, OTHER_KEY);
    assert.ok(routed.has(round));
    assert.ok(routed.size <= 2 * MAX_COUNT, `${routed.size} routes`);
  }
});

Deno.test("LocalConnectionIds repeats what was lost, and not what was given up since", () => {
  const { ids } = localIds();
  ids.replenish();
  offeredBy(ids);
  ids.onFrameLost(1);
  ids.onFrameLost(1);
  ids.onFrameLost(2);
  ids.handleRetire(2, OTHER_KEY);
  // That it is given up may be said again, too.
  ids.handleRetire(2, OTHER_KEY);
  assert.deepEqual(offeredBy(ids), [[1, 0]]);
  // A probe repeats what is only late.
  ids.onFrameLost(1);
  ids.onFrameAcked(1);
  assert.deepEqual(offeredBy(ids), []);
});

Deno.test("LocalConnectionIds.renew() replaces all ids, once the ones before are gone", () => {
  const { ids } = localIds();
  ids.replenish();
  for (const [sequence] of offeredBy(ids)) ids.onFrameAcked(sequence);
  ids.renew();
  ids.replenish();
  assert.deepEqual(offeredBy(ids), [[4, 4], [5, 4], [6, 4], [7, 4]]);
  for (const sequence of [4, 5, 6, 7]) ids.onFrameAcked(sequence);
  // Not again before the peer has followed.
  ids.renew();
  ids.replenish();
  assert.equal(ids.hasPending, false);
  for (const sequence of [0, 1, 2, 3]) ids.handleRetire(sequence, OTHER_KEY);
  ids.replenish();
  assert.deepEqual(offeredBy(ids).map(([sequence]) => sequence), [
    8,
    9,
    10,
    11,
  ]);
});

Deno.test("LocalConnectionIds refuses to take back an id that was never given or carries the packet (RFC 9000 §19.16)", () => {
  const { ids } = localIds();
  assert.throws(
    () => ids.handleRetire(1, OTHER_KEY),
    hasCode("PROTOCOL_VIOLATION"),
  );
  ids.replenish();
  // Made, but not told.
  assert.throws(
    () => ids.handleRetire(1, OTHER_KEY),
    hasCode("PROTOCOL_VIOLATION"),
  );
  offeredBy(ids);
  const key = connectionIdKey(numbered(1).connectionId);
  assert.throws(() => ids.handleRetire(1, key), hasCode("PROTOCOL_VIOLATION"));
  ids.handleRetire(1, OTHER_KEY);
  ids.handleRetire(1, OTHER_KEY);
});

Deno.test("A peer that gives more connection ids than allowed gets CONNECTION_ID_LIMIT_ERROR", () => {
  for (const extra of [0, 1]) {
    const peer = new HostilePeer();
    const writer = new ByteWriter(new Uint8Array(1_000));
    for (let i = 1; i < DEFAULT_MAX_CONNECTION_IDS + extra; i++) {
      encodeNewConnectionIdFrame(writer, offer(i));
    }
    peer.send(writer.written);
    const expected = extra === 0
      ? undefined
      : CloseCode.CONNECTION_ID_LIMIT_ERROR;
    assert.equal(peer.closeCode(), expected);
  }
});

Deno.test("A peer that gives up the id it sends to, or one it does not have, gets PROTOCOL_VIOLATION", () => {
  for (const sequence of [0, 1, 1_000]) {
    const peer = new HostilePeer();
    const writer = new ByteWriter(new Uint8Array(20));
    encodeRetireConnectionIdFrame(writer, sequence);
    peer.send(writer.written);
    assert.equal(peer.closeCode(), CloseCode.PROTOCOL_VIOLATION);
  }
});

Deno.test("Spare connection ids travel in packets that leave anyway", () => {
  const packetCounts = [1, DEFAULT_MAX_CONNECTION_IDS].map((count) => {
    const config = { maxConnectionIds: count };
    const pair = new Pair({ client: config, server: config });
    const { client, server } = pair.connect();
    for (let i = 0; i < 30; i++) {
      client.ping();
      pair.runFor(50);
    }
    assert.equal(client.stats.connectionIdsIssued, count);
    assert.equal(server.stats.connectionIdsIssued, count);
    return [client.stats.packetsSent, server.stats.packetsSent];
  });
  for (const [index, without] of packetCounts[0]!.entries()) {
    // What rides with an acknowledgement has to be acknowledged itself, once.
    assert.ok(packetCounts[1]![index]! <= without + 1);
  }
});
