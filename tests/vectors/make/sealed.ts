/**
 * Vectors of sealed payloads and fingerprints.
 *
 * @module
 */
import {
  fingerprint,
  generateKeyPair,
  sealPayload,
} from "../../../crypto/mod.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { counting, type VectorFile } from "./vector_file.ts";

/** Everything random in this file is drawn from it. */
const SEED = 9_030;

/**
 * Vectors of sealed payloads.
 *
 * @returns The file.
 */
export function makeSealedPayloads(): VectorFile {
  const random = new SeededRandom(SEED);
  const recipients = [generateKeyPair(random), generateKeyPair(random)];
  const sender = generateKeyPair(random);
  const keys = recipients.map(({ publicKey }) => publicKey);
  const associatedData = new TextEncoder().encode("header");
  const cases = [
    { name: "anonymous", recipients: keys, plaintext: counting(5) },
    { name: "known sender", recipients: keys, sender, plaintext: counting(40) },
    {
      name: "associated data",
      recipients: keys.slice(0, 1),
      sender,
      associatedData,
      plaintext: counting(5),
    },
    {
      name: "no plaintext",
      recipients: keys.slice(0, 1),
      plaintext: new Uint8Array(),
    },
  ].map(({ name, plaintext, ...options }) => {
    const sealed = sealPayload({ ...options, random }, plaintext);
    return {
      name,
      recipients: options.recipients,
      sender: options.sender?.publicKey,
      associatedData: options.associatedData ?? new Uint8Array(),
      plaintext,
      sealed,
    };
  });
  return {
    note:
      "Each payload opens with the private key of each of its recipients. " +
      "Sealing draws random keys, so that only opening can be compared. " +
      "recipients are public keys; their private keys are in `keyPairs`.",
    spec: "crypto.md#sealed-payloads",
    keyPairs: recipients,
    fingerprints: keys.map((publicKey) => ({
      publicKey,
      fingerprint: fingerprint(publicKey),
    })),
    cases,
  };
}
