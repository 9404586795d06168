import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import { ResponderHandshake } from "./responder_handshake.ts";
import {
  decodeInitiatorHello,
  decodeRefusal,
  decodeVersionNegotiation,
  encodeRefusal,
  encodeVersionNegotiation,
  HANDSHAKE_MAC_LENGTH,
  hasValidChecksum,
  hasValidHelloMac,
  helloMacKey,
} from "./handshake_packet.ts";
import { localTransportParameters } from "./transport_parameters.ts";

const random = new SeededRandom(7);
const initiatorKeys = generateKeyPair(random);
const responderKeys = generateKeyPair(random);
const CONNECTION_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const RESPONDER_ID = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 0);

function initiate(remoteStaticPublicKey?: Uint8Array): InitiatorHandshake {
  const config = createEndpointConfig({ keyPair: initiatorKeys });
  return new InitiatorHandshake(
    {
      keyPair: initiatorKeys,
      suites: config.suites,
      parameters: localTransportParameters(config, 65_507),
      random,
      provider: undefined,
    },
    CONNECTION_ID,
    remoteStaticPublicKey,
  );
}

function respond(packet: Uint8Array): ResponderHandshake {
  const config = createEndpointConfig({ keyPair: responderKeys });
  const accepted = ResponderHandshake.accept(
    {
      keyPair: responderKeys,
      suites: config.suites,
      parameters: localTransportParameters(config, 1_500, RESPONDER_ID),
      random,
      provider: undefined,
    },
    "chacha20-poly1305",
    decodeInitiatorHello(packet)!,
  );
  assert.ok(accepted.ok);
  return accepted.handshake;
}

for (const pattern of ["IK", "XX"] as const) {
  const key = pattern === "IK" ? responderKeys.publicKey : undefined;

  Deno.test(`${pattern} handshake gives both ends the same keys and identities`, () => {
    const initiator = initiate(key);
    const responder = respond(initiator.hello);
    const atInitiator = initiator.handleResponderHello(responder.response);
    assert.ok(atInitiator.ok);
    const atResponder = responder.handleFinish(initiator.finish);
    assert.ok(atResponder.ok);
    assert.deepEqual(
      atInitiator.result.sendSecret,
      atResponder.result.receiveSecret,
    );
    assert.deepEqual(
      atInitiator.result.receiveSecret,
      atResponder.result.sendSecret,
    );
    assert.notDeepEqual(
      atInitiator.result.sendSecret,
      atInitiator.result.receiveSecret,
    );
    assert.deepEqual(
      atInitiator.result.peerStaticPublicKey,
      responderKeys.publicKey,
    );
    assert.deepEqual(
      atResponder.result.peerStaticPublicKey,
      initiatorKeys.publicKey,
    );
    assert.deepEqual(atInitiator.result.peerConnectionId, RESPONDER_ID);
    assert.deepEqual(atResponder.result.peerConnectionId, CONNECTION_ID);
    assert.equal(atInitiator.result.peerParameters.maxDatagramBytes, 1_500);
  });

  Deno.test(`${pattern} initiator is done with the first answer: another one is dropped, and no hello is left`, () => {
    const initiator = initiate(key);
    const { response } = respond(initiator.hello);
    assert.ok(initiator.handleResponderHello(response).ok);
    const { finish } = initiator;
    assert.deepEqual(initiator.handleResponderHello(response), {
      ok: false,
      reason: "duplicate-handshake",
    });
    assert.deepEqual(initiator.finish, finish);
    assert.throws(() => initiator.hello, /No hello/);
  });

  Deno.test(`${pattern} handshake survives every damaged byte of its answers`, () => {
    const initiator = initiate(key);
    const responder = respond(initiator.hello);
    const { response } = responder;
    for (let i = PACKET_HEADER_LENGTH; i < response.length; i++) {
      const damaged = response.slice();
      damaged[i]! ^= 1 << (i % 8);
      assert.equal(
        initiator.handleResponderHello(damaged).ok,
        false,
        `byte ${i}`,
      );
    }
    assert.ok(initiator.handleResponderHello(response).ok);
    const { finish } = initiator;
    for (let i = PACKET_HEADER_LENGTH; i < finish.length; i++) {
      const damaged = finish.slice();
      damaged[i]! ^= 1 << (i % 8);
      assert.equal(responder.handleFinish(damaged).ok, false, `byte ${i}`);
    }
    assert.ok(responder.handleFinish(finish).ok);
  });

  Deno.test(`${pattern} handshake refuses a damaged hello before any key agreement`, () => {
    const { hello } = initiate(key);
    const macKey = helloMacKey(key);
    assert.ok(hasValidHelloMac(hello, macKey));
    for (let i = 0; i < hello.length; i += 7) {
      const damaged = hello.slice();
      damaged[i]! ^= 0x80;
      assert.equal(
        hasValidChecksum(damaged) && hasValidHelloMac(damaged, macKey),
        false,
        `byte ${i}`,
      );
      if (i < hello.length - 8) {
        assert.equal(hasValidHelloMac(damaged, macKey), false, `byte ${i}`);
      }
    }
  });

  Deno.test(`${pattern} packets of any shorter length are refused without an exception`, () => {
    const initiator = initiate(key);
    const responder = respond(initiator.hello);
    for (
      let length = PACKET_HEADER_LENGTH;
      length < responder.response.length;
      length++
    ) {
      assert.equal(
        initiator.handleResponderHello(responder.response.subarray(0, length))
          .ok,
        false,
      );
    }
    for (let length = PACKET_HEADER_LENGTH; length < 300; length++) {
      const short = initiator.hello.slice(0, length);
      const decoded = decodeInitiatorHello(short);
      if (decoded !== undefined) {
        // Only padding was cut off: the MAC tells.
        assert.equal(hasValidHelloMac(short, helloMacKey(key)), false);
      }
    }
  });
}

// docs/spec/transport.md#handshake
Deno.test("Nobody looks at the padding of a hello", () => {
  const initiator = initiate(responderKeys.publicKey);
  const padded = initiator.hello.slice();
  const end = padded.length - HANDSHAKE_MAC_LENGTH - 8;
  padded.fill(1, end - 100, end);
  assert.deepEqual(
    decodeInitiatorHello(padded),
    decodeInitiatorHello(initiator.hello),
  );
});

Deno.test("A changed prologue fails the handshake (no downgrade)", () => {
  const initiator = initiate(responderKeys.publicKey);
  const hello = decodeInitiatorHello(initiator.hello)!;
  const config = createEndpointConfig({ keyPair: responderKeys });
  const accepted = ResponderHandshake.accept(
    {
      keyPair: responderKeys,
      suites: config.suites,
      parameters: localTransportParameters(config, 1_500, RESPONDER_ID),
      random,
      provider: undefined,
    },
    "chacha20-poly1305",
    { ...hello, suites: Uint8Array.of(1) },
  );
  assert.deepEqual(accepted, { ok: false, reason: "handshake-failed" });
});

Deno.test("Version negotiation and refusal survive a round trip and nothing shorter", () => {
  const negotiation = encodeVersionNegotiation(CONNECTION_ID, [1, 7]);
  assert.deepEqual(decodeVersionNegotiation(negotiation), [1, 7]);
  const refusal = encodeRefusal(CONNECTION_ID, 1);
  assert.equal(decodeRefusal(refusal), 1);
  for (
    let length = PACKET_HEADER_LENGTH;
    length < negotiation.length;
    length++
  ) {
    assert.equal(
      decodeVersionNegotiation(negotiation.subarray(0, length)),
      undefined,
    );
  }
  assert.equal(
    decodeRefusal(refusal.subarray(0, PACKET_HEADER_LENGTH + 1)),
    undefined,
  );
  assert.equal(HANDSHAKE_MAC_LENGTH, 16);
});
