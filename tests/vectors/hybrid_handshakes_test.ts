/**
 * Drives both ends of the transport with the keys of the hybrid vectors and
 * compares every byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ML_KEM_768, type RandomSource } from "../../crypto/mod.ts";
import { InitiatorHandshake } from "../../transport/core/initiator_handshake.ts";
import { ResponderHandshake } from "../../transport/core/responder_handshake.ts";
import { decodeInitiatorHello } from "../../transport/core/handshake_packet.ts";
import {
  decodeHelloRest,
  joinMessage,
} from "../../transport/core/split_message.ts";
import type { Suite } from "../../transport/core/suite.ts";
import { decodeTransportParameters } from "../../transport/core/transport_parameters.ts";
import { fromHex, toHex } from "./make/vector_file.ts";
import { readVectors } from "./read.ts";

interface PartyVector {
  readonly staticPrivateKey: string;
  readonly staticPublicKey: string;
  readonly ephemeralPrivateKey: string;
  readonly connectionId: string;
  readonly payload: string;
}

interface HybridVector {
  readonly name: string;
  readonly protocolName: string;
  readonly suites: number[];
  readonly initiator: PartyVector;
  readonly responder: PartyVector;
  readonly kem: {
    readonly keySeed: string;
    readonly publicKey: string;
    readonly message: string;
    readonly ciphertext: string;
    readonly sharedSecret: string;
  };
  readonly noiseMessages: string[];
  readonly packets: Readonly<
    Record<
      | "firstHello"
      | "retry"
      | "initiatorHello"
      | "helloRest"
      | "responderHello"
      | "answerRest"
      | "initiatorFinish",
      string
    >
  >;
  readonly initiatorSecret: string;
  readonly responderSecret: string;
}

const SUITES: Readonly<Record<number, Suite>> = {
  1: "chacha20-poly1305",
  3: "x25519-mlkem768-chacha20-poly1305",
};

/** A source that gives these secrets, one after the other, and nothing else. */
class Secrets implements RandomSource {
  readonly #waiting: Uint8Array[];

  constructor(...secrets: string[]) {
    this.#waiting = secrets.map(fromHex);
  }

  fillPublic(): void {
    assert.fail("A handshake draws no public bytes");
  }

  fillSecret(into: Uint8Array): void {
    const next = this.#waiting.shift();
    assert.equal(into.length, next?.length);
    into.set(next!);
  }
}

function optionsOf(
  { staticPrivateKey, staticPublicKey, ephemeralPrivateKey, payload }:
    PartyVector,
  suites: readonly number[],
  kemSecret: string,
): ConstructorParameters<typeof InitiatorHandshake>[0] {
  return {
    keyPair: {
      privateKey: fromHex(staticPrivateKey),
      publicKey: fromHex(staticPublicKey),
    },
    suites: suites.map((suite) => SUITES[suite]!),
    parameters: decodeTransportParameters(fromHex(payload))!,
    random: new Secrets(ephemeralPrivateKey, kemSecret),
    provider: undefined,
  };
}

const { cases } = readVectors<{ cases: HybridVector[] }>(
  "hybrid_handshakes.json",
);

for (const vector of cases) {
  const { initiator, responder, suites, kem, packets } = vector;

  Deno.test(`hybrid_handshakes.json: both ends of the transport make these bytes: ${vector.name}`, () => {
    const left = new InitiatorHandshake(
      optionsOf(initiator, suites, kem.keySeed),
      fromHex(initiator.connectionId),
      vector.protocolName.includes("_IKhfs_")
        ? fromHex(responder.staticPublicKey)
        : undefined,
    );
    assert.equal(toHex(left.hello), packets.firstHello);
    assert.equal(left.helloRest, undefined);
    assert.equal(left.handleRetry(fromHex(packets.retry)), undefined);
    assert.equal(toHex(left.hello), packets.initiatorHello);
    assert.equal(toHex(left.helloRest!), packets.helloRest);
    const hello = decodeInitiatorHello(left.hello)!;
    const { rest } = decodeHelloRest(left.helloRest!)!;
    const noise = joinMessage({ first: hello.noise, rest })!;
    assert.equal(toHex(noise), vector.noiseMessages[0]);
    const accepted = ResponderHandshake.accept(
      optionsOf(responder, suites, kem.message),
      SUITES[suites[0]!]!,
      { ...hello, noise },
    );
    assert.ok(accepted.ok);
    const right = accepted.handshake;
    assert.equal(toHex(right.response), packets.responderHello);
    assert.equal(toHex(right.responseRest!), packets.answerRest);
    assert.deepEqual(left.handleResponderHello(right.responseRest!), {
      ok: false,
      reason: undefined,
    });
    const answered = left.handleResponderHello(right.response);
    assert.ok(answered.ok);
    assert.equal(toHex(left.finish), packets.initiatorFinish);
    const finished = right.handleFinish(left.finish);
    assert.ok(finished.ok);
    assert.equal(toHex(answered.result.sendSecret), vector.initiatorSecret);
    assert.equal(toHex(answered.result.receiveSecret), vector.responderSecret);
    assert.equal(toHex(finished.result.sendSecret), vector.responderSecret);
  });

  Deno.test(`hybrid_handshakes.json: ML-KEM-768 makes these bytes: ${vector.name}`, () => {
    const key = ML_KEM_768.generateKey(new Secrets(kem.keySeed));
    assert.equal(toHex(key.publicKey), kem.publicKey);
    const made = ML_KEM_768.encapsulate(
      fromHex(kem.publicKey),
      new Secrets(kem.message),
    );
    assert.equal(toHex(made.ciphertext), kem.ciphertext);
    assert.equal(toHex(made.sharedSecret), kem.sharedSecret);
    assert.equal(
      toHex(key.decapsulate(fromHex(kem.ciphertext))),
      kem.sharedSecret,
    );
    // e1 is sealed in IK and plain in XX.
    assert.equal(
      vector.noiseMessages[0]!.includes(kem.publicKey),
      vector.protocolName.includes("_XXhfs_"),
    );
  });
}
