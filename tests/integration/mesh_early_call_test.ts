/**
 * Calls that leave with the first datagram, on real sockets.
 */
import assert from "node:assert/strict";
import { Agent, Node } from "../../mod.ts";
import { createUdpCarrier } from "../../transport/mod.ts";
import { RecordingCarrier } from "../support/recording_carrier.ts";
import { TimerClock } from "../support/timer_clock.ts";

const CALLEE = { name: "callee" };
const EARLY = { isIdempotent: true } as const;

/** A caller whose connections to its callee end when its clock is turned. */
interface Returning {
  readonly caller: Agent;
  readonly callee: Agent;
  readonly carrier: RecordingCarrier;
  /** What the handler was called with, and how many datagrams the caller had sent to the callee by then. */
  readonly handled: { readonly value: unknown; readonly sent: number }[];
  /** Ends the connection and forgets what was recorded. */
  leave(): Promise<void>;
}

async function withReturning(
  body: (returning: Returning) => Promise<void>,
): Promise<void> {
  const node = await Node.start({ bind: "127.0.0.1:0" });
  const callee = await Agent.connect(node.url, CALLEE);
  const carrier = await RecordingCarrier.bind();
  const clock = new TimerClock();
  const caller = await Agent.connect(node.url, {
    carrier,
    clock,
    limits: { peerIdleTimeoutMs: 1_000, discoveryCacheMs: 3_600_000 },
    // No first datagram is sent again while the host stands still.
    transport: { helloTimeoutMs: 10_000 },
  });
  const handled: { value: unknown; sent: number }[] = [];
  const { port } = callee.localAddress;
  callee.onCall("note", ({ value }) => {
    handled.push({ value, sent: carrier.countTo(port) });
    return value;
  });
  callee.onCall("slow", () => new Promise(() => {}));
  callee.onStream("count", async function* ({ value }) {
    handled.push({ value, sent: carrier.countTo(port) });
    for (let number = 0; number < 3; number++) yield number;
  });
  try {
    await caller.call(CALLEE, "note", "first");
    await caller.call(CALLEE, "note", "second");
    await body({
      caller,
      callee,
      carrier,
      handled,
      leave: async () => {
        clock.advance(5_000);
        // The close leaves before anything else: what was asked after it is told.
        await caller.call({ url: node.url }, "mxp.ping", null).catch(() => {});
        carrier.sent.length = 0;
        handled.length = 0;
      },
    });
  } finally {
    await caller.close({ drainMs: 0 });
    await callee.close({ drainMs: 0 });
    await node.close();
  }
}

Deno.test("An idempotent call to an agent that was called before leaves in the first datagram", () =>
  withReturning(async ({ caller, carrier, callee, handled, leave }) => {
    for (let round = 0; round < 3; round++) {
      await leave();
      assert.equal(
        await caller.call(CALLEE, "note", `early ${round}`, EARLY),
        `early ${round}`,
      );
      assert.deepEqual(handled, [{ value: `early ${round}`, sent: 1 }]);
      const first = carrier.sent.find(({ to }) =>
        to.port === callee.localAddress.port
      );
      assert.equal(first!.datagram.length, 1_200);
      // The tickets of this connection, for the next round.
      await caller.call(CALLEE, "note", "again");
    }
  }));

Deno.test("A call that is not idempotent waits for the handshake, ticket or not", () =>
  withReturning(async ({ caller, handled, leave }) => {
    for (
      const options of [{}, { isIdempotent: false }, {
        idempotencyKey: "key",
      }]
    ) {
      await leave();
      await caller.call(CALLEE, "note", "late", options);
      assert.equal(handled.length, 1);
      assert.ok(handled[0]!.sent >= 2, `${handled[0]!.sent} datagrams`);
    }
    await leave();
    const input = (async function* () {})();
    await caller.call(CALLEE, "note", "input", { ...EARLY, input });
    assert.ok(handled[0]!.sent >= 2, `${handled[0]!.sent} datagrams`);
  }));

Deno.test("Of calls that start together only the idempotent ones leave early", () =>
  withReturning(async ({ caller, handled, leave }) => {
    await leave();
    await Promise.all([
      caller.call(CALLEE, "note", "late 1"),
      caller.call(CALLEE, "note", "early 1", EARLY),
      caller.call(CALLEE, "note", "late 2"),
      caller.call(CALLEE, "note", "early 2", EARLY),
    ]);
    for (const { value, sent } of handled) {
      const isEarly = String(value).startsWith("early");
      assert.equal(sent === 1, isEarly, `${value} after ${sent} datagrams`);
    }
    assert.equal(handled.length, 4);
  }));

Deno.test("A stream that is idempotent leaves early too, and runs to its end", () =>
  withReturning(async ({ caller, handled, leave }) => {
    await leave();
    const stream = caller.stream(CALLEE, "count", "go", EARLY);
    const numbers: unknown[] = [];
    for await (const number of stream) numbers.push(number);
    assert.deepEqual(numbers, [0, 1, 2]);
    assert.deepEqual(handled, [{ value: "go", sent: 1 }]);
    assert.equal((await stream.ending).type, "completed");
  }));

Deno.test("A value that does not fit into the first datagram follows, whole", () =>
  withReturning(async ({ caller, leave }) => {
    await leave();
    const value = "x".repeat(3_000_000);
    assert.equal(await caller.call(CALLEE, "note", value, EARLY), value);
  }));

Deno.test("A replayed first datagram runs the handler once, from the same host and after the end of the connection", () =>
  withReturning(async ({ caller, callee, carrier, handled, leave }) => {
    await leave();
    await caller.call(CALLEE, "note", "once", EARLY);
    const to = callee.localAddress;
    const { datagram } = carrier.sent.find((each) => each.to.port === to.port)!;
    const attacker = await createUdpCarrier({ hostname: "127.0.0.1", port: 0 });
    let answers = 0;
    attacker.start(() => {
      answers++;
    }, () => {});
    const replay = async (): Promise<void> => {
      for (let copy = 0; copy < 5; copy++) await attacker.send(datagram, to);
      await carrier.send(datagram, to);
    };
    try {
      await replay();
      for (let turn = 0; turn < 20; turn++) {
        await caller.call(CALLEE, "note", "between");
      }
      const once = (): number =>
        handled.filter(({ value }) => value === "once").length;
      assert.equal(once(), 1);
      await leave();
      await replay();
      for (let turn = 0; turn < 20; turn++) {
        await caller.call(CALLEE, "note", "after");
      }
      assert.equal(once(), 0);
    } finally {
      await attacker.close();
    }
    assert.ok(answers <= 10, `${answers} answers`);
  }));

Deno.test("An early call that is given up is reset, and takes nothing with it", () =>
  withReturning(async ({ caller, leave }) => {
    await leave();
    const controller = new AbortController();
    const calling = caller.call(CALLEE, "slow", null, {
      ...EARLY,
      signal: controller.signal,
    });
    queueMicrotask(() => controller.abort(new Error("changed my mind")));
    await assert.rejects(calling, /changed my mind/);
    assert.equal(await caller.call(CALLEE, "note", "next", EARLY), "next");
  }));
