/**
 * Counts Diffie-Hellmans: what a handshake costs, and what an attacker can make
 * somebody compute.
 *
 * @module
 */
import type { CryptoProvider } from "../../crypto/provider/provider.ts";
import { selectProvider } from "../../crypto/provider/select.ts";

/**
 * Counts the agreements of keys that are imported meanwhile.
 *
 * @param run Gets a function that says how many there were so far.
 */
export function countAgreements(run: (counted: () => number) => void): void {
  const provider: {
    importAgreementKey: CryptoProvider["importAgreementKey"];
  } = selectProvider("x25519");
  const original = provider.importAgreementKey;
  let count = 0;
  provider.importAgreementKey = (privateKey) => {
    const key = original(privateKey);
    return {
      publicKey: key.publicKey,
      agree: (peer) => {
        count++;
        return key.agree(peer);
      },
      wipe: () => key.wipe(),
    };
  };
  try {
    run(() => count);
  } finally {
    provider.importAgreementKey = original;
  }
}
