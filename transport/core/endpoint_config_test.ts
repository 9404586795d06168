import assert from "node:assert/strict";
import { createEndpointConfig } from "./endpoint_config.ts";
import type { EndpointOptions } from "./endpoint_options.ts";

const keyPair = {
  publicKey: new Uint8Array(32),
  privateKey: new Uint8Array(32),
};

function assertRefused(options: Partial<EndpointOptions>, text: RegExp): void {
  assert.throws(() => createEndpointConfig({ keyPair, ...options }), {
    code: "INVALID_CONFIG",
    fault: "caller",
    message: text,
  });
}

Deno.test("createEndpointConfig() fills in the defaults and keeps what was given", () => {
  const config = createEndpointConfig({ keyPair, maxConnections: 7 });
  assert.equal(config.keyPair, keyPair);
  assert.equal(config.maxConnections, 7);
  assert.equal(config.accept, true);
  assert.deepEqual(config.suites, ["chacha20-poly1305", "aes-256-gcm"]);
  // What depends on the path or on the cipher is known later.
  assert.equal(config.maxDatagramBytes, undefined);
  assert.equal(config.maxPacketsPerKey, undefined);
  assert.equal(config.maxForgedPackets, undefined);
});

Deno.test("createEndpointConfig() derives the keep-alive interval from the idle timeout", () => {
  const { keepAliveIntervalMs } = createEndpointConfig({
    keyPair,
    idleTimeoutMs: 100,
  });
  assert.equal(keepAliveIntervalMs, 33);
  const given = { keyPair, idleTimeoutMs: 100, keepAliveIntervalMs: 0 };
  assert.equal(createEndpointConfig(given).keepAliveIntervalMs, 0);
});

Deno.test("createEndpointConfig() says what is wrong with the keys, or that there are none", () => {
  const text = /keyPair must hold two keys of 32 bytes/;
  const short = { ...keyPair, publicKey: new Uint8Array(31) };
  assertRefused({ keyPair: short }, text);
  assertRefused({ keyPair: undefined } as unknown as EndpointOptions, text);
  assertRefused({ keyPair: {} } as unknown as EndpointOptions, text);
  const letters = { ...keyPair, privateKey: "x".repeat(32) };
  assertRefused({ keyPair: letters } as unknown as EndpointOptions, text);
});

Deno.test("createEndpointConfig() asks for cookies from a 32nd of the half-open handshakes on, and never at none", () => {
  const threshold = (maxHalfOpen: number): number =>
    createEndpointConfig({ keyPair, maxHalfOpen }).retryThreshold;
  assert.equal(threshold(320), 10);
  assert.equal(threshold(31), 1);
  assert.equal(threshold(0), 1);
  const given = { keyPair, maxHalfOpen: 320, retryThreshold: 0 };
  assert.equal(createEndpointConfig(given).retryThreshold, 0);
});

Deno.test("createEndpointConfig() takes undefined for absent", () => {
  const options = { keyPair, maxHalfOpen: undefined, accept: undefined };
  assert.deepEqual(
    createEndpointConfig(options as unknown as EndpointOptions),
    createEndpointConfig({ keyPair }),
  );
});

Deno.test("createEndpointConfig() lets as many stretches wait as the credit of a stream can have", () => {
  const stretchesOf = (maxStreamDataBytes: number): number =>
    createEndpointConfig({ keyPair, maxStreamDataBytes }).maxStreamStretches;
  assert.equal(stretchesOf(2 ** 24), 2 ** 14);
  assert.equal(stretchesOf(2_000), 1_024);
  assert.equal(stretchesOf(2 ** 40), 2 ** 20);
  const given = { keyPair, maxStreamDataBytes: 2 ** 24, maxStreamStretches: 7 };
  assert.equal(createEndpointConfig(given).maxStreamStretches, 7);
});

Deno.test("createEndpointConfig() refuses a part of what is counted, not of a time", () => {
  assertRefused(
    { maxBidiStreams: 10.5 },
    /maxBidiStreams must be 0 to .* 10.5/,
  );
  assertRefused({ maxDatagramBytes: 1_300.5 }, /maxDatagramBytes/);
  assert.equal(
    createEndpointConfig({ keyPair, maxAckDelayMs: 2.5 }).maxAckDelayMs,
    2.5,
  );
});

Deno.test("createEndpointConfig() takes the lowest and the highest value, and refuses what is beyond", () => {
  for (
    const [key, lowest, highest] of [
      ["maxAckRanges", 1, 32],
      ["maxConnectionIds", 1, 16],
      ["maxConnectionsPerKey", 1, 2 ** 24],
      ["maxControlFramesPerRoundTrip", 16, 2 ** 32],
      ["maxDatagramBytes", 1_200, 65_507],
      ["maxForgedPackets", 1, 2 ** 52],
      ["maxPathResponses", 1, 256],
      ["maxStreamStretches", 1, 2 ** 20],
    ] as const
  ) {
    for (const value of [lowest, highest]) {
      assert.equal(createEndpointConfig({ keyPair, [key]: value })[key], value);
    }
    for (const value of [lowest - 1, highest + 1, NaN, Infinity]) {
      assertRefused(
        { [key]: value },
        new RegExp(`${key} must be ${lowest} to ${highest}, got ${value}`),
      );
    }
  }
});

Deno.test("createEndpointConfig() refuses what is no number, also where others derive from it", () => {
  for (const key of ["idleTimeoutMs", "maxHalfOpen", "maxStreamDataBytes"]) {
    for (const value of [1n, "600", Symbol("x"), [600], Object.create(null)]) {
      assertRefused(
        { [key]: value } as unknown as EndpointOptions,
        new RegExp(`${key} must be .*, got ${typeof value}$`),
      );
    }
    assertRefused(
      { [key]: null } as unknown as EndpointOptions,
      new RegExp(`${key} must be .*, got null$`),
    );
  }
});

Deno.test("createEndpointConfig() refuses what is no name", () => {
  for (const name of [1n, Symbol("x"), Object.create(null)]) {
    const wrong = { congestionControl: name } as unknown as EndpointOptions;
    assertRefused(
      wrong,
      new RegExp(`congestionControl .* got ${typeof name}$`),
    );
    assertRefused(
      { suites: [name] } as unknown as EndpointOptions,
      new RegExp(`suites .* got ${typeof name}$`),
    );
  }
});

Deno.test("createEndpointConfig() chooses CUBIC unless told, and refuses a controller that does not exist", () => {
  assert.equal(createEndpointConfig({ keyPair }).congestionControl, "cubic");
  const given = { keyPair, congestionControl: "new-reno" } as const;
  assert.equal(createEndpointConfig(given).congestionControl, "new-reno");
  assertRefused(
    { congestionControl: "bbr" as "cubic" },
    /congestionControl .* got bbr/,
  );
});

Deno.test("createEndpointConfig() refuses suites that are none, unknown or named twice", () => {
  assertRefused({ suites: [] }, /suites .* got none/);
  assertRefused({ suites: ["rot13" as "aes-256-gcm"] }, /suites .* got rot13/);
  assertRefused({ suites: ["aes-256-gcm", "aes-256-gcm"] }, /each once/);
});

Deno.test("createEndpointConfig() refuses a key pair of another length", () => {
  const short = new Uint8Array(31);
  assertRefused({ keyPair: { ...keyPair, publicKey: short } }, /32 bytes/);
  assertRefused({ keyPair: { ...keyPair, privateKey: short } }, /32 bytes/);
});

Deno.test("createEndpointConfig() takes nothing but an array for the suites", () => {
  for (const suites of ["chacha20-poly1305", 5, null, {}]) {
    assertRefused(
      { suites } as unknown as EndpointOptions,
      /suites must be an array of names/,
    );
  }
});
