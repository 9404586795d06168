import assert from "node:assert/strict";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import type { EndpointOptions } from "./endpoint_options.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
  localTransportParameters,
  type TransportParameters,
} from "./transport_parameters.ts";

const SAMPLE: TransportParameters = {
  connectionId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  maxDataBytes: 1 << 20,
  maxStreamDataBytes: 70_000,
  maxBidiStreams: 63,
  maxUniStreams: 0,
  idleTimeoutMs: 30_000,
  maxAckDelayMs: 25,
  maxDatagramBytes: 1_200,
  maxConnectionIds: 4,
  maxTickets: 2,
  resetToken: new Uint8Array(16).fill(5),
  givenUpTicket: new Uint8Array(121).fill(6),
  receiveBufferBytes: 2_097_152,
};

Deno.test("encodeTransportParameters() and decodeTransportParameters() are inverse", () => {
  assert.deepEqual(
    decodeTransportParameters(encodeTransportParameters(SAMPLE)),
    SAMPLE,
  );
  const {
    connectionId: _id,
    resetToken: _token,
    givenUpTicket: _ticket,
    receiveBufferBytes: _buffer,
    ...initiator
  } = SAMPLE;
  assert.deepEqual(
    decodeTransportParameters(encodeTransportParameters(initiator)),
    initiator,
  );
});

Deno.test("decodeTransportParameters() skips unknown ids", () => {
  const known = encodeTransportParameters(SAMPLE);
  assert.deepEqual(
    decodeTransportParameters(Uint8Array.of(0x3f, 2, 9, 9, ...known)),
    SAMPLE,
  );
});

Deno.test("decodeTransportParameters() refuses repeated ids, bad lengths and values out of bounds", () => {
  const known = encodeTransportParameters(SAMPLE);
  const idle = [6, 2, 0x40, 0x64];
  assert.notEqual(decodeTransportParameters(Uint8Array.from(idle)), undefined);
  for (
    const bytes of [
      [...known, 2, 1, 1],
      [...idle, 1, 7, 0, 0, 0, 0, 0, 0, 0],
      [...idle, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0],
      [...idle, 2, 2, 1, 1],
      [...idle, 7, 4, 0x80, 0, 0x40, 0],
      [...idle, 8, 1, 10],
      [...known, 9, 16, ...new Uint8Array(16)],
      [...known, 12, 1, 0],
      [...known, 13, 1, 0],
      [...idle, 13, 2, 1, 1],
      [...idle, 13, 0],
      [...idle, 13, 8, 0xc0, 0x20, 0, 0, 0, 0, 0, 0],
      [...idle, 12, 0x42, 0x01, ...new Uint8Array(513)],
      [6, 1, 0],
      [],
    ]
  ) {
    assert.equal(
      decodeTransportParameters(Uint8Array.from(bytes)),
      undefined,
      bytes.join(),
    );
  }
});

Deno.test("localTransportParameters() says how large the receive buffer is where it is not the default", () => {
  const keyPair = generateKeyPair(new SeededRandom(1));
  const announced = (options: Partial<EndpointOptions>): number | undefined =>
    localTransportParameters(
      createEndpointConfig({ keyPair, ...options }),
      1_200,
    ).receiveBufferBytes;
  assert.equal(announced({}), undefined);
  assert.equal(announced({ receiveBufferBytes: 4_096 }), undefined);
  assert.equal(announced({ receiveBufferBytes: 425_984 }), 425_984);
});

Deno.test("decodeTransportParameters() takes a receive buffer of 2^53 - 1 bytes", () => {
  const bytes = [6, 2, 0x40, 0x64, 13, 8, 0xc0, 0x1f, ...Array(6).fill(0xff)];
  const decoded = decodeTransportParameters(Uint8Array.from(bytes));
  assert.equal(decoded?.receiveBufferBytes, 2 ** 53 - 1);
});

Deno.test("decodeTransportParameters() takes a reset token of 16 bytes and no other length", () => {
  for (let length = 0; length <= 40; length++) {
    const bytes = [6, 2, 0x40, 0x64, 9, length, ...new Uint8Array(length)];
    const decoded = decodeTransportParameters(Uint8Array.from(bytes));
    assert.equal(decoded?.resetToken?.length, length === 16 ? 16 : undefined);
  }
});

Deno.test("decodeTransportParameters() never throws", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    decodeTransportParameters(bytes);
  }));
});
