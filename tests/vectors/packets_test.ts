/**
 * Reads the vectors of keys, packets and answers with code that did not make
 * them: the transport's, and the runtime's own cryptography.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createCipheriv, createHash, createHmac } from "node:crypto";
import {
  finishHello,
  HEADER_BYTES,
  parseBlock,
  parseHandshakePacket,
} from "../../conformance/wire/handshake_codec.ts";
import { ParameterValues } from "../../conformance/wire/parameter_codec.ts";
import { type AeadSuite, fingerprint, openPayload } from "../../crypto/mod.ts";
import { ByteReader, decodeFrame } from "../../protocol/mod.ts";
import {
  decodeInitiatorHello,
  decodeRefusal,
  decodeRetry,
  decodeVersionNegotiation,
  hasValidChecksum,
  hasValidHelloMac,
  hasValidMac,
} from "../../transport/core/handshake_packet.ts";
import { PacketProtection } from "../../transport/core/packet_protection.ts";
import { decodeSuiteRefusal } from "../../transport/core/suite_refusal.ts";
import { decodeTransportParameters } from "../../transport/core/transport_parameters.ts";
import { fromHex, toHex, toJson } from "./make/vector_file.ts";
import { readVectors, type Refused } from "./read.ts";

/** HMAC-SHA-256 of the runtime. */
function hmac(key: Uint8Array, ...parts: (Uint8Array | string)[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/** HKDF-Expand of at most 32 bytes (RFC 5869 §2.3). */
function expand(
  secret: string,
  label: string | Uint8Array,
  length = 32,
): string {
  return toHex(
    hmac(fromHex(secret), label, Uint8Array.of(1)).slice(0, length),
  );
}

Deno.test("key_schedule.json: HKDF and ChaCha20 of the runtime give the same", () => {
  const { keys, resumption, masks } = readVectors<{
    keys: Record<string, string>[];
    resumption: Record<string, string>[];
    masks: { key: string; sample: string; mask: string }[];
  }>("key_schedule.json");
  for (const { secret = "", ...derived } of keys) {
    const nextSecret = expand(secret, "mxp v1 ku");
    assert.deepEqual(derived, {
      key: expand(secret, "mxp v1 key"),
      iv: expand(secret, "mxp v1 iv", 12),
      headerProtectionKey: expand(secret, "mxp v1 hp"),
      confirmationKey: expand(secret, "mxp v1 confirm"),
      nextSecret,
      secretAfterNext: expand(nextSecret, "mxp v1 ku"),
    });
  }
  for (const { initiatorSecret = "", ...vector } of resumption) {
    const label = (text: string, digits: string): Uint8Array =>
      fromHex(toHex(new TextEncoder().encode(text)) + digits);
    const secret = expand(
      initiatorSecret,
      label("mxp v1 resume", vector.handshakeHash!),
    );
    assert.equal(secret, vector.resumptionSecret);
    const extracted = createHmac("sha256", fromHex(secret))
      .update(fromHex(vector.staticSecret!)).digest("hex");
    assert.equal(
      expand(extracted, label("mxp v1 psk", vector.ticket!)),
      vector.psk,
    );
  }
  assert.match(masks[0]!.mask, /^aefefe7d03/); // RFC 9001 A.5
  for (const { key, sample, mask } of masks) {
    const cipher = createCipheriv("chacha20", fromHex(key), fromHex(sample));
    assert.equal(toHex(cipher.update(new Uint8Array(21))), mask);
    cipher.final();
  }
});

/** A receiver of what is sealed under a secret, by the transport's own code. */
function receiverOf(suite: AeadSuite, secret: string): PacketProtection {
  return new PacketProtection({
    suite,
    sendSecret: new Uint8Array(32),
    receiveSecret: fromHex(secret),
    provider: undefined,
  });
}

/** Opens a packet; `undefined` when it does not. */
function open(receiver: PacketProtection, packet: Uint8Array): {
  packetNumber: number;
  flags: number;
  plaintext: string;
} | undefined {
  const into = new Uint8Array(packet.length);
  const packetNumber = receiver.unmask(packet, 0);
  const { flags } = receiver;
  const length = packetNumber < 0 ? -1 : receiver.open(packet, into);
  if (length < 0) return undefined;
  return { packetNumber, flags, plaintext: toHex(into.subarray(0, length)) };
}

interface PacketVector {
  readonly packetNumber: number;
  readonly generation: number;
  readonly flags: number;
  readonly plaintext: string;
  readonly packet: string;
}

Deno.test("protected_packets.json: the transport opens every packet, and none of the forged", () => {
  const { directions } = readVectors<{
    directions: {
      aead: AeadSuite;
      secret: string;
      packets: PacketVector[];
      forged: { name: string; packet: string }[];
    }[];
  }>("protected_packets.json");
  assert.equal(directions.length, 2);
  for (const { aead, secret, packets, forged } of directions) {
    const receiver = receiverOf(aead, secret);
    for (const { name, packet } of forged) {
      assert.equal(open(receiver, fromHex(packet)), undefined, name);
    }
    for (const { generation, packet, ...plain } of packets) {
      assert.deepEqual(open(receiver, fromHex(packet)), plain);
      assert.equal(receiver.keyUpdateCount, generation);
    }
  }
});

Deno.test("transport_parameters.json: both decoders agree", () => {
  const { valid, minimal, invalid } = readVectors<{
    valid: (Refused & { parameters: object })[];
    minimal: Refused[];
    invalid: Refused[];
  }>("transport_parameters.json");
  for (const { name, bytes, parameters } of valid) {
    const decoded = decodeTransportParameters(fromHex(bytes));
    assert.deepEqual(toJson(decoded), parameters, name);
    const values = ParameterValues.decode(fromHex(bytes));
    assert.ok(values instanceof ParameterValues);
    assert.equal(values.number(2), decoded!.maxDataBytes);
    assert.equal(values.number(8), decoded!.maxDatagramBytes);
  }
  for (const { name, bytes } of minimal) {
    const decoded = decodeTransportParameters(fromHex(bytes));
    assert.equal(decoded?.idleTimeoutMs, 30_000, name);
    assert.equal(decoded?.maxAckDelayMs, 25, name);
    assert.equal(decoded?.maxDatagramBytes, 1_200, name);
  }
  for (const { name, bytes } of invalid) {
    assert.equal(decodeTransportParameters(fromHex(bytes)), undefined, name);
  }
});

Deno.test("answers.json: a retry is followed as it is shown", () => {
  const { retry } = readVectors<{ retry: Record<string, string> }>(
    "answers.json",
  );
  const bytes = (name: string): Uint8Array => fromHex(retry[name]!);
  const macKey = createHash("sha256").update("mxp v1 mac")
    .update(bytes("responderPublicKey")).digest();
  for (const name of ["hello", "helloWithCookie"]) {
    const packet = bytes(name);
    assert.equal(packet.length, 1_200);
    assert.ok(hasValidChecksum(packet));
    assert.ok(hasValidHelloMac(packet, macKey));
  }
  const hello = decodeInitiatorHello(bytes("hello"))!;
  assert.equal(hello.cookie.length, 0);
  assert.equal(toHex(hello.noise), retry.noiseMessage);
  assert.equal(toHex(decodeRetry(bytes("retry"))!), retry.cookie);
  const retryMacKey = createHash("sha256").update("mxp v1 mac")
    .update(hello.connectionId).update(hello.noise.subarray(0, 32)).digest();
  assert.equal(toHex(retryMacKey), retry.retryMacKey);
  assert.ok(hasValidMac(bytes("retry"), retryMacKey));
  const again = decodeInitiatorHello(bytes("helloWithCookie"))!;
  assert.deepEqual(
    toJson({ ...again, cookie: "" }),
    toJson({ ...hello, cookie: "" }),
  );
  assert.equal(toHex(again.cookie), retry.cookie);
  // The cookie itself, as the specification lays it out.
  const cookie = bytes("cookie");
  const mac = hmac(
    bytes("secret"),
    "mxp v1 retry",
    cookie.subarray(0, 8),
    hello.connectionId,
    hello.noise.subarray(0, 32),
    retry.source!,
  );
  assert.equal(toHex(cookie.subarray(8)), toHex(mac.subarray(0, 16)));
  // The kit, which made the hellos, finds nothing to correct in them.
  const packet = bytes("hello");
  assert.equal(toHex(finishHello(packet.slice(), macKey)), retry.hello);
});

Deno.test("answers.json: version negotiation and refusals say what is shown", () => {
  const { versionNegotiation, refusals } = readVectors<{
    versionNegotiation: { versions: number[]; packet: string };
    refusals: {
      reason: number;
      connectionId: string;
      packet: string;
      suites?: number[];
      macKey?: string;
    }[];
  }>("answers.json");
  assert.deepEqual(
    decodeVersionNegotiation(fromHex(versionNegotiation.packet)),
    versionNegotiation.versions,
  );
  for (const { reason, connectionId, packet, suites, macKey } of refusals) {
    const parsed = parseHandshakePacket(fromHex(packet))!;
    assert.equal(parsed.body[0], reason);
    assert.equal(toHex(parsed.connectionId), connectionId);
    if (suites === undefined) {
      assert.equal(decodeRefusal(fromHex(packet)), reason);
    } else {
      assert.deepEqual([...decodeSuiteRefusal(fromHex(packet))!], suites);
      assert.ok(hasValidMac(fromHex(packet), fromHex(macKey!)));
    }
  }
  assert.equal(parseBlock(new Uint8Array(3)), undefined);
});

Deno.test("endings.json: a reset ends with the token of its connection id", () => {
  const { reset } = readVectors<{
    reset: Record<string, string> & { receivedBytes: number };
  }>("endings.json");
  const key = hmac(
    new TextEncoder().encode("mxp v1 reset"),
    fromHex(reset.staticPrivateKey!),
  );
  const token = hmac(key, fromHex(reset.connectionId!), reset.peerAddress!);
  assert.equal(toHex(token.subarray(0, 16)), reset.token);
  const packet = fromHex(reset.packet!);
  assert.ok(packet.length < reset.receivedBytes);
  assert.ok(packet.length >= HEADER_BYTES + 16);
  assert.equal(toHex(packet.subarray(-16)), reset.token);
  assert.equal(packet[17], 0);
  assert.equal(
    packet[18]! | packet[19]! << 8,
    packet.length - HEADER_BYTES,
  );
});

Deno.test("endings.json: closes open and say what is shown", () => {
  const { close } = readVectors<{
    close: {
      secret: string;
      closes: {
        code: number;
        reason: string;
        packetNumber: number;
        packet: string;
      }[];
    };
  }>("endings.json");
  const receiver = receiverOf("chacha20-poly1305", close.secret);
  for (const { code, reason, packetNumber, packet } of close.closes) {
    const opened = open(receiver, fromHex(packet))!;
    assert.equal(opened.packetNumber, packetNumber);
    const reader = new ByteReader(fromHex(opened.plaintext));
    assert.deepEqual(decodeFrame(reader), { type: "close", code, reason });
    assert.equal(reader.remaining, 0);
  }
});

Deno.test("sealed_payloads.json: each recipient opens what was sealed for it", () => {
  const { keyPairs, fingerprints, cases } = readVectors<{
    keyPairs: { privateKey: string; publicKey: string }[];
    fingerprints: { publicKey: string; fingerprint: string }[];
    cases: {
      name: string;
      recipients: string[];
      sender?: string;
      associatedData: string;
      plaintext: string;
      sealed: string;
    }[];
  }>("sealed_payloads.json");
  for (const vector of cases) {
    for (const { privateKey, publicKey } of keyPairs) {
      const opened = openPayload({
        recipient: {
          privateKey: fromHex(privateKey),
          publicKey: fromHex(publicKey),
        },
        associatedData: fromHex(vector.associatedData),
      }, fromHex(vector.sealed));
      if (!vector.recipients.includes(publicKey)) {
        assert.equal(opened, undefined, vector.name);
        continue;
      }
      assert.equal(toHex(opened!.plaintext), vector.plaintext, vector.name);
      assert.equal(
        opened!.sender && toHex(opened!.sender),
        vector.sender,
        vector.name,
      );
    }
  }
  for (const vector of fingerprints) {
    const digest = createHash("sha256").update(fromHex(vector.publicKey))
      .digest("base64").replace(/=+$/, "");
    assert.equal(vector.fingerprint, `SHA256:${digest}`);
    assert.equal(fingerprint(fromHex(vector.publicKey)), vector.fingerprint);
  }
});
