import assert from "node:assert/strict";
import { ProtocolError } from "../protocol/mod.ts";
import {
  checkJsonSize,
  countJsonUnits,
  estimateParsedBytes,
  MAX_JSON_UNITS,
} from "./json_size.ts";

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An array of numbers, in so many units. */
function numbers(unitCount: number): Uint8Array {
  return encode(`[${"0,".repeat(unitCount - 10)}0]`);
}

Deno.test("countJsonUnits() counts what values, members and their holders take", () => {
  for (
    const [text, count] of [
      ["", 0],
      ["7", 0],
      ['"text"', 6],
      ["[]", 10],
      ["[1,2,3]", 12],
      ['{"a":1,"b":[{}]}', 59],
    ] as const
  ) {
    assert.equal(countJsonUnits(encode(text)), count, text);
  }
});

Deno.test("estimateParsedBytes() is never below the text, and far above it for many small values", () => {
  assert.equal(estimateParsedBytes(encode(`"${"long text".repeat(9)}"`)), 83);
  const body = encode(`[${"{},".repeat(999)}{}]`);
  assert.equal(estimateParsedBytes(body), 6 * (10 + 11 * 999 + 10));
});

Deno.test("checkJsonSize() takes records of 4 MiB, and refuses what takes too long to parse", () => {
  const record = {
    id: 123_456,
    name: "Somebody of ordinary length",
    email: "somebody@example.org",
    tags: ["alpha", "beta"],
    address: { street: "Main street 17", city: "Oslo" },
  };
  const records = encode(JSON.stringify(Array(27_000).fill(record)));
  assert.ok(records.length > 4 * 1024 * 1024);
  checkJsonSize(records, "peer");
  checkJsonSize(new Uint8Array(16 * 1024 * 1024), "peer");
  checkJsonSize(numbers(MAX_JSON_UNITS), "peer");
  for (const fault of ["caller", "peer"] as const) {
    assert.throws(
      () => checkJsonSize(numbers(MAX_JSON_UNITS + 1), fault),
      (error) =>
        error instanceof ProtocolError && error.code === "PAYLOAD_TOO_LARGE" &&
        error.fault === fault,
    );
  }
  assert.throws(() => checkJsonSize(encode("[".repeat(500_001)), "peer"));
});
