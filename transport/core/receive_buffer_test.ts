import assert from "node:assert/strict";
import fc from "fast-check";
import {
  kernelBytes,
  MAX_UNPACED_KERNEL_BYTES,
  RECEIVE_BUFFER_BYTES,
} from "./receive_buffer.ts";

Deno.test("kernelBytes() says how many datagrams fit into the buffer of Linux", () => {
  // counted on Linux 6.18: 600 datagrams sent to a socket that nobody reads
  const counted = [
    [64, 256],
    [100, 256],
    [200, 166],
    [600, 166],
    [700, 92],
    [1_200, 92],
    [1_452, 92],
    [1_600, 92],
    [1_700, 48],
    [3_700, 48],
    [4_000, 25],
    [6_000, 25],
    [8_000, 12],
    [16_000, 12],
    [16_300, 12],
    [20_000, 10],
    [32_500, 6],
    [40_000, 5],
    [60_000, 3],
    [65_507, 3],
  ] as const;
  for (const [datagramBytes, count] of counted) {
    assert.equal(
      Math.floor(RECEIVE_BUFFER_BYTES / kernelBytes(datagramBytes)),
      count,
      `${datagramBytes} bytes`,
    );
  }
});

Deno.test("kernelBytes() is more than the datagram, and less than three times it from 1 KiB on", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_507 }), (datagramBytes) => {
      const bytes = kernelBytes(datagramBytes);
      assert.ok(bytes > datagramBytes);
      if (datagramBytes >= 1_024) assert.ok(bytes < 3 * datagramBytes);
    }),
  );
});

Deno.test("MAX_UNPACED_KERNEL_BYTES holds two of the largest datagrams, so that one may be sent while the other is read", () => {
  assert.ok(2 * kernelBytes(65_507) <= MAX_UNPACED_KERNEL_BYTES);
});
