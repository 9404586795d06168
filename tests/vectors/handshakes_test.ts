/**
 * Drives both ends of the transport with the keys of the handshake vectors and
 * compares every byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type AeadSuite,
  confirmationKey,
  HandshakeState,
  publicKeyOf,
  type RandomSource,
} from "../../crypto/mod.ts";
import { createHmac } from "node:crypto";
import { InitiatorHandshake } from "../../transport/core/initiator_handshake.ts";
import { ResponderHandshake } from "../../transport/core/responder_handshake.ts";
import { decodeInitiatorHello } from "../../transport/core/handshake_packet.ts";
import { PacketProtection } from "../../transport/core/packet_protection.ts";
import { decodeTransportParameters } from "../../transport/core/transport_parameters.ts";
import { fromHex, toHex, toJson } from "./make/vector_file.ts";
import { readVectors } from "./read.ts";

interface PartyVector {
  readonly staticPrivateKey: string;
  readonly staticPublicKey: string;
  readonly ephemeralPrivateKey: string;
  readonly ephemeralPublicKey: string;
  readonly connectionId: string;
  readonly parameters: object;
  readonly payload: string;
}

interface HandshakeVector {
  readonly name: string;
  readonly protocolName: string;
  readonly suites: number[];
  readonly initiator: PartyVector;
  readonly ticket?: string;
  readonly psk?: string;
  readonly earlyFrames?: string;
  readonly responder: PartyVector;
  readonly prologue: string;
  readonly noiseMessages: string[];
  readonly packets: {
    readonly initiatorHello: string;
    readonly responderHello: string;
    readonly initiatorFinish: string;
  };
  readonly handshakeHash: string;
  readonly initiatorSecret: string;
  readonly responderSecret: string;
  readonly confirmationKey: string;
  readonly confirmation: string;
  readonly firstProtectedPackets: Readonly<
    Record<"initiator" | "responder", { plaintext: string; packet: string }>
  >;
}

const SUITES: Readonly<Record<number, AeadSuite>> = {
  1: "chacha20-poly1305",
  2: "aes-256-gcm",
};

/** A source that gives one ephemeral key, and nothing else. */
class OneKey implements RandomSource {
  #key: Uint8Array | undefined;

  constructor(key: string) {
    this.#key = fromHex(key);
  }

  fillPublic(): void {
    assert.fail("A handshake draws no public bytes");
  }

  fillSecret(into: Uint8Array): void {
    assert.ok(this.#key !== undefined, "One ephemeral key is enough");
    assert.equal(into.length, this.#key.length);
    into.set(this.#key);
    this.#key = undefined;
  }
}

function optionsOf(
  { staticPrivateKey, staticPublicKey, ephemeralPrivateKey, payload }:
    PartyVector,
  suites: readonly number[],
): ConstructorParameters<typeof InitiatorHandshake>[0] {
  return {
    keyPair: {
      privateKey: fromHex(staticPrivateKey),
      publicKey: fromHex(staticPublicKey),
    },
    suites: suites.map((suite) => SUITES[suite]!),
    parameters: decodeTransportParameters(fromHex(payload))!,
    random: new OneKey(ephemeralPrivateKey),
    provider: undefined,
  };
}

/** The responder's side of a hello with a ticket: the other one needs a stream. */
function checkResumption(vector: HandshakeVector): void {
  const { packets, responder, suites } = vector;
  const hello = decodeInitiatorHello(fromHex(packets.initiatorHello))!;
  assert.equal(toHex(hello.ticket!), vector.ticket);
  const accepted = ResponderHandshake.accept(
    optionsOf(responder, suites),
    SUITES[suites[0]!]!,
    hello,
    {
      owner: fromHex(vector.initiator.staticPublicKey),
      psk: fromHex(vector.psk!),
    },
  );
  assert.ok(accepted.ok);
  const { handshake } = accepted;
  assert.equal(toHex(handshake.response), packets.responderHello);
  assert.equal(toHex(handshake.earlyFrames), vector.earlyFrames);
  assert.ok(handshake.hasKeys);
  assert.equal(toHex(handshake.result.sendSecret), vector.responderSecret);
  assert.equal(toHex(handshake.result.receiveSecret), vector.initiatorSecret);
  const finish = fromHex(packets.initiatorFinish);
  assert.ok(handshake.handleFinish(finish).ok);
}

const { cases } = readVectors<{ cases: HandshakeVector[] }>("handshakes.json");

for (const vector of cases) {
  const { initiator, responder, suites, packets } = vector;
  const suite = SUITES[suites[0]!]!;

  Deno.test(`handshakes.json: both ends of the transport make these bytes: ${vector.name}`, () => {
    if (vector.ticket !== undefined) return checkResumption(vector);
    const isIk = vector.protocolName.includes("_IK_");
    const left = new InitiatorHandshake(
      optionsOf(initiator, suites),
      fromHex(initiator.connectionId),
      isIk ? fromHex(responder.staticPublicKey) : undefined,
    );
    assert.equal(toHex(left.hello), packets.initiatorHello);
    const hello = decodeInitiatorHello(left.hello)!;
    assert.equal(toHex(hello.noise), vector.noiseMessages[0]);
    const accepted = ResponderHandshake.accept(
      optionsOf(responder, suites),
      suite,
      hello,
    );
    assert.ok(accepted.ok);
    const right = accepted.handshake;
    assert.equal(toHex(right.response), packets.responderHello);
    const answered = left.handleResponderHello(right.response);
    assert.ok(answered.ok);
    assert.equal(toHex(left.finish), packets.initiatorFinish);
    const finished = right.handleFinish(left.finish);
    assert.ok(finished.ok);
    assert.equal(toHex(answered.result.sendSecret), vector.initiatorSecret);
    assert.equal(toHex(answered.result.receiveSecret), vector.responderSecret);
    assert.equal(toHex(finished.result.sendSecret), vector.responderSecret);
    assert.equal(
      toHex(finished.result.peerStaticPublicKey),
      initiator.staticPublicKey,
    );
    assert.deepEqual(
      toJson(answered.result.peerParameters),
      responder.parameters,
    );
  });

  Deno.test(`handshakes.json: message 1 holds the payload, with a ticket between its length and early frames: ${vector.name}`, () => {
    const noise = new HandshakeState({
      protocolName: vector.protocolName,
      role: "responder",
      prologue: fromHex(vector.prologue),
      staticPrivateKey: fromHex(responder.staticPrivateKey),
      psks: vector.psk === undefined ? [] : [fromHex(vector.psk)],
      random: new OneKey(responder.ephemeralPrivateKey),
    });
    const found = toHex(noise.readMessage(fromHex(vector.noiseMessages[0]!)));
    const { payload } = initiator;
    if (vector.earlyFrames === undefined) return assert.equal(found, payload);
    const length = new Uint8Array(2);
    new DataView(length.buffer).setUint16(0, payload.length / 2, true);
    assert.equal(found, toHex(length) + payload + vector.earlyFrames);
  });

  Deno.test(`handshakes.json: the secrets protect the first packets: ${vector.name}`, () => {
    for (const party of [initiator, responder]) {
      const key = publicKeyOf(fromHex(party.ephemeralPrivateKey));
      assert.equal(toHex(key), party.ephemeralPublicKey);
    }
    const key = confirmationKey(fromHex(vector.initiatorSecret));
    assert.equal(toHex(key), vector.confirmationKey);
    const mac = createHmac("sha256", key)
      .update(fromHex(vector.handshakeHash)).digest();
    assert.equal(toHex(mac.subarray(0, 16)), vector.confirmation);
    assert.ok(packets.initiatorFinish.endsWith(vector.confirmation));
    const secrets = {
      initiator: vector.initiatorSecret,
      responder: vector.responderSecret,
    };
    for (const role of ["initiator", "responder"] as const) {
      const { plaintext, packet } = vector.firstProtectedPackets[role];
      const receiver = new PacketProtection({
        suite,
        sendSecret: new Uint8Array(32),
        receiveSecret: fromHex(secrets[role]),
        provider: undefined,
      });
      const bytes = fromHex(packet);
      assert.equal(receiver.unmask(bytes, 0), 0);
      const into = new Uint8Array(bytes.length);
      const length = receiver.open(bytes, into);
      assert.equal(toHex(into.subarray(0, length)), plaintext);
    }
  });
}
