/**
 * What does it cost to seal and to open a whole packet, header, nonce, cipher
 * and mask, in WebAssembly and with the runtime's own cipher?
 *
 * @module
 */
import { PACKET_OVERHEAD_LENGTH } from "../protocol/mod.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { PacketProtection } from "../transport/core/packet_protection.ts";

const SIZES: readonly number[] = [64, 1_200, 32_500];
const CONNECTION_ID = new SeededRandom(1).nextBytes(8);

for (const size of SIZES) {
  for (const provider of ["wasm", "native", "portable"] as const) {
    const end = (sending: number, receiving: number): PacketProtection =>
      new PacketProtection({
        suite: "chacha20-poly1305",
        provider,
        sendSecret: new Uint8Array(32).fill(sending),
        receiveSecret: new Uint8Array(32).fill(receiving),
      });
    const [sender, receiver] = [end(1, 2), end(2, 1)];
    const packet = new Uint8Array(size + PACKET_OVERHEAD_LENGTH);
    const into = new Uint8Array(size);
    let packetNumber = 0;
    const seal = (): void => {
      sender.seal(packet, 0, {
        connectionId: CONNECTION_ID,
        packetNumber: packetNumber++,
        flags: 0,
        plaintextLength: size,
      });
    };
    seal();
    const sealed = packet.slice();
    const name = `a packet of ${size} bytes, ${provider}`;
    Deno.bench(`seal ${name}`, { group: `seal ${size}` }, seal);
    Deno.bench(`open ${name}`, { group: `open ${size}` }, () => {
      receiver.unmask(sealed, 0);
      receiver.open(sealed, into);
    });
  }
}
