/**
 * Suites on real sockets: between transports, in a mesh, from the command line.
 */
import assert from "node:assert/strict";
import { Agent, type Suite } from "../../mod.ts";
import {
  type TransportConnection,
  TransportError,
} from "../../transport/mod.ts";
import { withMesh } from "../support/mesh.ts";
import { run, Running } from "../support/mxp_process.ts";
import {
  bindTransport,
  echoStreams,
  isEqualBytes,
  patternBytes,
  request,
} from "../support/transport_pair.ts";

const CHACHA: Suite = "chacha20-poly1305";
const AES: Suite = "aes-256-gcm";
const HYBRID: Suite = "x25519-mlkem768-chacha20-poly1305";

/** Connects two transports on loopback, if they can agree on a suite. */
async function meet(
  client: readonly Suite[],
  server: readonly Suite[],
  body: (
    outgoing: TransportConnection,
    incoming: TransportConnection,
  ) => Promise<void>,
): Promise<void> {
  const accepted = Promise.withResolvers<TransportConnection>();
  const callee = await bindTransport({
    config: { suites: server },
    onConnection: accepted.resolve,
  });
  const caller = await bindTransport({ config: { suites: client } });
  try {
    const outgoing = await caller.transport.connect(
      callee.transport.localAddress,
      { remoteStaticPublicKey: callee.publicKey },
    );
    await body(outgoing, await accepted.promise);
  } finally {
    await caller.transport.close();
    await callee.transport.close();
  }
}

for (
  const [client, server, suite] of [
    [[AES], [AES], AES],
    [[AES, CHACHA], [AES, CHACHA], AES],
    [[AES, CHACHA], [CHACHA, AES], CHACHA],
    [[CHACHA, AES], [AES], AES],
    [[HYBRID], [HYBRID], HYBRID],
    [[HYBRID, CHACHA], [CHACHA, HYBRID], CHACHA],
    [[HYBRID, CHACHA], [CHACHA], CHACHA],
  ] as const
) {
  Deno.test(`On real sockets ${client} and ${server} meet at ${suite}, and bytes go both ways`, () =>
    meet(client, server, async (outgoing, incoming) => {
      assert.equal(outgoing.suite, suite);
      assert.equal(incoming.suite, suite);
      echoStreams(incoming);
      const bytes = patternBytes(300_000);
      assert.ok(isEqualBytes(await request(outgoing, bytes), bytes));
    }));
}

Deno.test("On real sockets, no suite in common is HANDSHAKE_FAILED that names both ends' suites, well before the timeout", async () => {
  const from = performance.now();
  await assert.rejects(
    meet([AES], [CHACHA], () => Promise.resolve()),
    (error) => {
      assert.ok(error instanceof TransportError);
      assert.equal(error.code, "HANDSHAKE_FAILED");
      assert.match(
        error.message,
        /offers aes-256-gcm, .*takes chacha20-poly1305$/,
      );
      return true;
    },
  );
  assert.ok(performance.now() - from < 5_000);
});

for (const suite of [AES, HYBRID]) {
  Deno.test(`Agents and node of a mesh that takes ${suite} alone find and call each other`, () => {
    const transport = { suites: [suite] };
    return withMesh(async ({ connect }) => {
      const callee = await connect({
        name: "echo",
        capabilities: ["echo"],
        transport,
      });
      callee.onCall("echo", (incoming) => incoming.text());
      const caller = await connect({ transport });
      const reply = await caller.call({ capability: "echo" }, "echo", "hello");
      assert.equal(reply, "hello");
    }, { transport });
  });
}

Deno.test("On real sockets, a side that did not opt in to the hybrid suite refuses it by name", () =>
  assert.rejects(
    meet([HYBRID], [CHACHA, AES], () => Promise.resolve()),
    {
      code: "HANDSHAKE_FAILED",
      message:
        "Handshake: no suite in common, this side offers x25519-mlkem768-chacha20-poly1305, the peer takes chacha20-poly1305, aes-256-gcm",
    },
  ));

Deno.test("Many hybrid connections at once, over IPv6 too, all come to stand", async () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    const config = { suites: [HYBRID] };
    const callee = await bindTransport({
      hostname,
      config,
      onConnection: echoStreams,
    });
    const caller = await bindTransport({ hostname, config });
    try {
      await Promise.all(Array.from({ length: 20 }, async () => {
        const connection = await caller.transport.connect(
          callee.transport.localAddress,
          { remoteStaticPublicKey: callee.publicKey },
        );
        assert.equal(connection.suite, HYBRID);
        const bytes = patternBytes(2_000);
        assert.ok(isEqualBytes(await request(connection, bytes), bytes));
      }));
    } finally {
      await caller.transport.close();
      await callee.transport.close();
    }
  }
});

Deno.test("An agent without a suite in common with its node is told so", () =>
  withMesh(async ({ node }) => {
    await assert.rejects(
      Agent.connect(node.url, { transport: { suites: [CHACHA] } }),
      /no suite in common, this side offers chacha20-poly1305, the peer takes aes-256-gcm/,
    );
  }, { transport: { suites: [AES] } }));

Deno.test("mxp --suites chooses at both ends, and a mismatch is one clear line", async () => {
  const node = Running.start([
    "start",
    "--json",
    "--bind",
    "127.0.0.1:0",
    "--suites",
    AES,
  ]);
  try {
    const { url } = JSON.parse(await node.until(/\n/));
    const [works, fails, misspelt] = await Promise.all([
      run(["ping", url, "--suites", `${CHACHA},${AES}`]),
      run(["ping", url, "--suites", CHACHA]),
      run(["ping", url, "--suites", "rot13"]),
    ]);
    assert.equal(works.code, 0, works.stderr);
    assert.equal(fails.code, 1, fails.stderr);
    assert.match(fails.stderr, /^[^\n]*no suite in common[^\n]*\n$/);
    assert.equal(misspelt.code, 2);
  } finally {
    await node.stop("SIGTERM");
  }
});
