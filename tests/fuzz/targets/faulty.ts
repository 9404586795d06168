/**
 * A target that fails on purpose: whoever doubts the rig runs it.
 *
 * @module
 */
import { ProtocolError } from "../../../protocol/mod.ts";
import { attempt, DEFAULT_BUDGET, type FuzzTarget } from "../target.ts";

/** Kept here so that the compiler cannot leave the work out. */
let sink = 0;

/** Takes time that grows with the square of the length. */
function compareEachWithEach(input: Uint8Array): void {
  for (const left of input) {
    for (const right of input) sink += left === right ? 1 : 0;
  }
}

/**
 * Throws a `RangeError` for "MXP" and a length beyond the end, takes the square
 * of the time for "SLOW", and 64 MiB for "FAT".
 */
export const FAULTY: FuzzTarget = {
  name: "faulty",
  subject: "fails on purpose, to test the rig; not a part of `all`",
  isFaulty: true,
  maxLength: 16_384,
  budget: { ...DEFAULT_BUDGET, baseMs: 10 },
  seeds: () => [new TextEncoder().encode("MX?\u0001a"), new Uint8Array(4)],
  dictionary: ["MXP", "SLOW", "FAT"].map((word) =>
    new TextEncoder().encode(word)
  ),
  run(input) {
    const head = new TextDecoder().decode(input.subarray(0, 4));
    if (head.startsWith("SLOW")) compareEachWithEach(input);
    if (head.startsWith("FAT")) sink += new Uint8Array(1 << 26).length;
    const outcome = attempt(ProtocolError, () => {
      if (!head.startsWith("MX")) {
        throw new ProtocolError("INVALID_MAGIC", "Faulty: not MX", {
          fault: "peer",
        });
      }
      if (head[2] !== "P") return 0;
      // The bug: the length is believed.
      return new DataView(input.buffer, input.byteOffset, input.length)
        .getUint8(3 + input[3]!);
    });
    return "refusal" in outcome ? outcome.refusal : "ok";
  },
};
