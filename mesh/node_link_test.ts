import assert from "node:assert/strict";
import { type TransportConnection, TransportError } from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import {
  MAX_NODE_REQUEST_TIMEOUT_MS,
  MAX_NODE_REQUESTS_IN_FLIGHT,
  NODE_REQUEST_TIMEOUT_MS,
} from "./config.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import { NodeLink } from "./node_link.ts";

const CONNECT_TIMEOUT_MS = 4_000;

/** Longer than any pause before the link is made anew. */
const PAUSE_MS = 10_000;

class Rig {
  readonly clock = new TimerClock();
  readonly warnings: string[] = [];
  readonly link: NodeLink;
  /** How many connections were made. */
  dialCount = 0;
  /** What the transport has heard of the node, answers to heartbeats included. */
  packetsReceived = 0;
  /** How long an answer may take on the path. */
  answerMarginMs = 0;
  /** When each heartbeat was sent, after the start of the link. */
  readonly heartbeatsMs: number[] = [];
  /** How the node answers a heartbeat. */
  answerHeartbeat: () => Promise<void> = () => Promise.resolve();
  heartbeatIntervalMs = 1_000;
  readonly #startedAt = this.clock.now();
  #end: () => void = () => {};

  /** Connections whose registration was taken back. */
  withdrawnCount = 0;
  /** What each connection waits for before it is made. */
  dialPause: Promise<void> = Promise.resolve();
  /** Why no connection can be made. */
  dialFailure: Error | undefined;
  /** What each connection is registered with. */
  enlist: () => Promise<void> = () => Promise.resolve();

  constructor(options: { hasHeartbeat?: boolean } = {}) {
    this.link = new NodeLink({
      address: "192.0.2.1:9000",
      dial: async () => {
        await this.dialPause;
        if (this.dialFailure !== undefined) throw this.dialFailure;
        return this.#connect();
      },
      enlist: () => this.enlist(),
      withdraw: () => Promise.resolve(void this.withdrawnCount++),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      heartbeat: options.hasHeartbeat === true
        ? (connection) => {
          this.heartbeatsMs.push(this.clock.now() - this.#startedAt);
          const lost = connection.closed.then((error) => {
            throw error;
          });
          const answer = this.answerHeartbeat()
            .finally(() => this.packetsReceived++);
          return Promise.race([answer, lost]);
        }
        : undefined,
      heartbeatIntervalMs: () => this.heartbeatIntervalMs,
      clock: this.clock,
      onWarning: (message) => this.warnings.push(message),
    });
  }

  async start(signal = new AbortController().signal): Promise<void> {
    await this.link.start(signal);
  }

  /** Moves forward in steps that are short beside any pause. */
  async pass(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 10) {
      this.clock.advance(10);
      await settle();
    }
  }

  /** Ends the connection of the moment. */
  end(): void {
    this.#end();
  }

  #connect(): TransportConnection {
    this.dialCount++;
    const closed = Promise.withResolvers<TransportError>();
    const end = (_code = 0, reason = "gone"): void => {
      connection.isOpen = false;
      closed.resolve(new TransportError("CONNECTION_LOST", `Test: ${reason}`));
    };
    const count = (): number => this.packetsReceived;
    const margin = (): number => this.answerMarginMs;
    const connection = {
      isOpen: true,
      closed: closed.promise,
      close: end,
      get packetsReceived() {
        return count();
      },
      get answerMarginMs() {
        return margin();
      },
    };
    this.#end = end;
    return connection as unknown as TransportConnection;
  }
}

const never = (): Promise<never> => new Promise(() => {});

async function assertFails(
  code: CallErrorCode,
  promise: Promise<unknown>,
): Promise<void> {
  await assert.rejects(
    promise,
    (error) => error instanceof CallError && error.code === code,
  );
}

/** Lets everything run that does not wait for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

Deno.test("NodeLink.request() connects anew to a node of which nothing is heard in time, and says so", async () => {
  const rig = new Rig();
  await rig.start();
  const failing = assertFails("UNAVAILABLE", rig.link.request(never));
  await settle();
  rig.clock.advance(NODE_REQUEST_TIMEOUT_MS);
  await failing;
  await settle();
  assert.equal(rig.dialCount, 2);
  assert.match(
    rig.warnings.join("\n"),
    /lost \(.*the node is silent\), connecting again/,
  );
  await rig.link.close("test");
});

Deno.test("NodeLink.request() fails, and keeps the connection, when the node is heard and does not answer in time", async () => {
  const rig = new Rig();
  await rig.start();
  const failing = assertFails(
    "UNAVAILABLE",
    rig.link.request(never, { isRepeatable: true }),
  );
  await settle();
  rig.packetsReceived++;
  rig.clock.advance(NODE_REQUEST_TIMEOUT_MS);
  await failing;
  assert.ok(rig.link.isConnected);
  assert.equal(rig.dialCount, 1);
  assert.deepEqual(rig.warnings, []);
  await rig.link.close("test");
});

Deno.test("NodeLink.request() gives the node more time over a slow path, up to a bound", async () => {
  for (
    const [answerMarginMs, limitMs] of [
      [NODE_REQUEST_TIMEOUT_MS - 1, NODE_REQUEST_TIMEOUT_MS],
      [6_000.5, 6_001],
      [60_000, MAX_NODE_REQUEST_TIMEOUT_MS],
    ] as const
  ) {
    const rig = new Rig();
    rig.answerMarginMs = answerMarginMs;
    await rig.start();
    const failing = assertFails("UNAVAILABLE", rig.link.request(never));
    await settle();
    rig.clock.advance(limitMs - 1);
    await settle();
    assert.ok(rig.link.isConnected, `${answerMarginMs} ms`);
    rig.clock.advance(1);
    await failing;
    assert.equal(rig.dialCount, 2);
    await rig.link.close("test");
  }
});

Deno.test("NodeLink.request() with a limit of its own connects anew when nothing was heard since its last progress", async () => {
  for (const isHeard of [false, true]) {
    const rig = new Rig();
    await rig.start();
    const late = Promise.withResolvers<never>();
    const failing = assertFails(
      "DEADLINE_EXCEEDED",
      rig.link.request((_connection, _signal, onProgress) => {
        rig.packetsReceived++;
        onProgress!();
        return late.promise;
      }, { hasOwnLimit: true }),
    );
    await settle();
    if (isHeard) rig.packetsReceived++;
    late.reject(new CallError("DEADLINE_EXCEEDED", "Test: late"));
    await failing;
    await settle();
    assert.equal(rig.dialCount, isHeard ? 1 : 2);
    await rig.link.close("test");
  }
});

Deno.test("NodeLink.request() keeps the connection when it was the caller's own time that ran out", async () => {
  const rig = new Rig();
  await rig.start();
  const failing = assertFails(
    "DEADLINE_EXCEEDED",
    rig.link.request(never, { timeoutMs: 100 }),
  );
  await settle();
  rig.clock.advance(100);
  await failing;
  assert.ok(rig.link.isConnected);
  assert.equal(rig.dialCount, 1);
  await rig.link.close("test");
});

Deno.test("NodeLink.request() does not limit a question that has a limit of its own", async () => {
  const rig = new Rig();
  await rig.start();
  const answer = Promise.withResolvers<number>();
  const asking = rig.link.request(() => answer.promise, { hasOwnLimit: true });
  await settle();
  rig.clock.advance(100 * NODE_REQUEST_TIMEOUT_MS);
  assert.ok(rig.link.isConnected);
  answer.resolve(7);
  assert.equal(await asking, 7);
  await rig.link.close("test");
});

Deno.test("NodeLink.request() lets so many requests be under way, in their order, and heartbeats beside them", async () => {
  const rig = new Rig({ hasHeartbeat: true });
  await rig.start();
  const answers: (() => void)[] = [];
  const order: number[] = [];
  const total = 3 * MAX_NODE_REQUESTS_IN_FLIGHT;
  const requests = Array.from(
    { length: total },
    (_, index) =>
      rig.link.request(() => {
        order.push(index);
        return new Promise<void>((resolve) => answers.push(resolve));
      }),
  );
  await settle();
  assert.equal(answers.length, MAX_NODE_REQUESTS_IN_FLIGHT);
  rig.clock.advance(1_000);
  await settle();
  assert.equal(rig.heartbeatsMs.length, 1);
  for (let answered = 0; answered < total; answered++) {
    answers[answered]!();
    await settle();
    assert.equal(
      answers.length,
      Math.min(total, MAX_NODE_REQUESTS_IN_FLIGHT + answered + 1),
    );
  }
  await Promise.all(requests);
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  await rig.link.close("test");
});

Deno.test("NodeLink.request() gives up what waits for its turn too long, and takes the next one in its place", async () => {
  const rig = new Rig();
  await rig.start();
  const answers: (() => void)[] = [];
  const request = () =>
    rig.link.request(
      () => new Promise<void>((resolve) => answers.push(resolve)),
      { hasOwnLimit: true },
    );
  const first = Array.from({ length: MAX_NODE_REQUESTS_IN_FLIGHT }, request);
  const late = assertFails("UNAVAILABLE", request());
  const abort = new AbortController();
  const given = rig.link.request(never, { signal: abort.signal });
  const givenUp = assert.rejects(given, (reason) => reason === "enough");
  await settle();
  abort.abort("enough");
  await givenUp;
  rig.clock.advance(NODE_REQUEST_TIMEOUT_MS);
  await late;
  assert.ok(rig.link.isConnected);
  const next = request();
  await settle();
  assert.equal(answers.length, MAX_NODE_REQUESTS_IN_FLIGHT);
  for (let index = 0; index < answers.length; index++) {
    answers[index]!();
    await settle();
  }
  await Promise.all([...first, next]);
  await rig.link.close("test");
});

Deno.test("NodeLink.request() asks once more when the connection is lost, but not when there was none", async () => {
  const rig = new Rig();
  await rig.start();
  let askCount = 0;
  const question = () => {
    askCount++;
    if (askCount > 1) return Promise.resolve("again");
    rig.end();
    return Promise.reject(new TransportError("CONNECTION_LOST", "Test: gone"));
  };
  const asking = rig.link.request(question, { isRepeatable: true });
  await settle();
  rig.clock.advance(PAUSE_MS);
  assert.equal(await asking, "again");
  assert.equal(askCount, 2);
  await rig.link.close("test");
  await assertFails(
    "CANCELLED",
    rig.link.request(question, { isRepeatable: true }),
  );
  assert.equal(askCount, 2);
});

Deno.test("NodeLink.request() says how long it took altogether when it was asked twice", async () => {
  const rig = new Rig();
  await rig.start();
  const failing = assert.rejects(
    rig.link.request(never, { isRepeatable: true }),
    (error) =>
      error instanceof CallError && error.code === "UNAVAILABLE" &&
      error.message.endsWith(
        `: no connection within ${NODE_REQUEST_TIMEOUT_MS} ms, ${
          2 * NODE_REQUEST_TIMEOUT_MS
        } ms in all`,
      ),
  );
  await settle();
  const pause = Promise.withResolvers<void>();
  rig.dialPause = pause.promise;
  rig.clock.advance(NODE_REQUEST_TIMEOUT_MS);
  await settle();
  rig.clock.advance(NODE_REQUEST_TIMEOUT_MS);
  await failing;
  pause.resolve();
  await settle();
  await rig.link.close("test");
});

Deno.test("NodeLink.request() says why there is no connection, if an attempt has failed", async () => {
  const rig = new Rig();
  await rig.start();
  rig.dialFailure = new TransportError("HANDSHAKE_TIMEOUT", "Test: nobody");
  rig.end();
  const failing = assert.rejects(
    rig.link.request(never),
    (error) =>
      error instanceof CallError && error.code === "UNAVAILABLE" &&
      error.cause === rig.dialFailure &&
      /no connection within \d+ ms \(connecting failed: Test: nobody\)$/
        .test(error.message),
  );
  await rig.pass(NODE_REQUEST_TIMEOUT_MS);
  await failing;
  await rig.link.close("test");
});

Deno.test("NodeLink.request() fails at once while another node is at the address, and asks the right one when it is back", async () => {
  const rig = new Rig();
  await rig.start();
  const mismatch = new TransportError("PEER_KEY_MISMATCH", "Test: wrong key");
  rig.dialFailure = mismatch;
  rig.end();
  const isRefusal = (error: unknown) =>
    error instanceof CallError && error.code === "UNAUTHENTICATED" &&
    error.cause === mismatch && error.message === mismatch.message;
  // Before it is known, and after; no time passes.
  await assert.rejects(rig.link.request(never), isRefusal);
  await assert.rejects(rig.link.request(never), isRefusal);
  rig.dialFailure = undefined;
  await rig.pass(PAUSE_MS);
  assert.equal(await rig.link.request(() => Promise.resolve(7)), 7);
  await rig.link.close("test");
});

Deno.test("NodeLink.close() ends what waits for its turn", async () => {
  const rig = new Rig();
  await rig.start();
  const requests = Array.from(
    { length: MAX_NODE_REQUESTS_IN_FLIGHT + 1 },
    () =>
      rig.link.request((connection) =>
        connection.closed.then((error) => {
          throw error;
        })
      ),
  );
  await settle();
  await rig.link.close("test");
  const codes = (await Promise.allSettled(requests)).map((result) =>
    result.status === "rejected"
      ? (result.reason as CallError).code
      : "answered"
  );
  assert.equal(codes.at(0), "CONNECTION_LOST");
  assert.equal(codes.at(-1), "CANCELLED");
  assert.equal(rig.clock.timerCount, 0);
});

Deno.test("NodeLink sends each heartbeat a little early, however long the answer to the one before took", async () => {
  const rig = new Rig({ hasHeartbeat: true });
  rig.answerHeartbeat = () =>
    new Promise((resolve) => rig.clock.schedule(400, resolve));
  await rig.start();
  await rig.pass(3_000);
  assert.deepEqual(rig.heartbeatsMs, [950, 1_900, 2_850]);
  await rig.link.close("test");
});

Deno.test("NodeLink sends the next heartbeat on time, over the same connection, when one has no answer", async () => {
  const rig = new Rig({ hasHeartbeat: true });
  rig.answerHeartbeat = () =>
    rig.heartbeatsMs.length % 3 === 0 ? Promise.resolve() : never();
  await rig.start();
  await rig.pass(12_000);
  const renewedMs = [
    0,
    ...rig.heartbeatsMs.filter((_, beat) => beat % 3 === 2),
  ];
  assert.equal(renewedMs.length, 5);
  for (let index = 1; index < renewedMs.length; index++) {
    const silenceMs = renewedMs[index]! - renewedMs[index - 1]!;
    assert.ok(silenceMs < 3_000, `${silenceMs} ms without an answer`);
  }
  assert.equal(rig.dialCount, 1);
  assert.equal(rig.warnings.length, 8);
  await rig.link.close("test");
});

Deno.test("NodeLink connects anew when no heartbeat has had an answer for a while", async () => {
  for (const intervalMs of [20, 1_000, 5_000]) {
    const rig = new Rig({ hasHeartbeat: true });
    rig.heartbeatIntervalMs = intervalMs;
    rig.answerHeartbeat = never;
    await rig.start();
    await rig.pass(0.9 * intervalMs + NODE_REQUEST_TIMEOUT_MS);
    assert.equal(rig.dialCount, 1, `${intervalMs} ms`);
    await rig.pass(1_000);
    assert.equal(rig.dialCount, 2, `${intervalMs} ms`);
    assert.match(rig.warnings.join("\n"), /lost .* connecting again/);
    await rig.link.close("test");
  }
});

Deno.test("NodeLink keeps the connection to a node that is heard, though no heartbeat has an answer", async () => {
  const rig = new Rig({ hasHeartbeat: true });
  rig.answerHeartbeat = () => {
    // Acknowledged, and no more.
    rig.clock.schedule(1, () => rig.packetsReceived++);
    return never();
  };
  await rig.start();
  await rig.pass(10_000);
  assert.equal(rig.dialCount, 1);
  assert.equal(rig.warnings.length, rig.heartbeatsMs.length - 1);
  await rig.link.close("test");
});

Deno.test("NodeLink waits longer before it gives up a silent node over a slow path", async () => {
  const rig = new Rig({ hasHeartbeat: true });
  rig.answerMarginMs = 8_000;
  rig.answerHeartbeat = never;
  await rig.start();
  await rig.pass(8_900);
  assert.equal(rig.dialCount, 1);
  await rig.pass(2_000);
  assert.equal(rig.dialCount, 2);
  await rig.link.close("test");
});

Deno.test("NodeLink gives a node that is far away time to answer heartbeats that follow each other fast", async () => {
  const rig = new Rig({ hasHeartbeat: true });
  rig.heartbeatIntervalMs = 20;
  rig.answerHeartbeat = () =>
    new Promise((resolve) => rig.clock.schedule(300, resolve));
  await rig.start();
  await rig.pass(5_000);
  assert.equal(rig.dialCount, 1);
  assert.deepEqual(rig.warnings, []);
  await rig.link.close("test");
});

Deno.test("NodeLink.start() has one limit for connecting and registering", async () => {
  const rig = new Rig();
  rig.enlist = never;
  const starting = assertFails("UNAVAILABLE", rig.start());
  await settle();
  rig.clock.advance(CONNECT_TIMEOUT_MS);
  await starting;
  assert.ok(!rig.link.isConnected);
  assert.equal(rig.clock.timerCount, 0);
});

Deno.test("NodeLink takes a registration back that is given up, but not one that is refused", async () => {
  const rig = new Rig();
  rig.enlist = never;
  const abort = new AbortController();
  const starting = assert.rejects(
    rig.start(abort.signal),
    (reason) => reason === "enough",
  );
  await settle();
  abort.abort("enough");
  await starting;
  assert.equal(rig.withdrawnCount, 1);
  rig.enlist = () =>
    Promise.reject(new CallError("PERMISSION_DENIED", "Test: refused"));
  await assertFails("PERMISSION_DENIED", rig.start());
  assert.equal(rig.withdrawnCount, 1);
  assert.equal(rig.clock.timerCount, 0);
});
