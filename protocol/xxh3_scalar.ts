/**
 * XXH3-64 in plain TypeScript, for where WebAssembly SIMD is missing.
 *
 * A 64-bit number is two 32-bit halves: `bigint` would be far slower. Functions
 * that yield a 64-bit number leave it in the scratch variables `low` and
 * `high`, so that nothing is allocated. Halves are unsigned once they are
 * stored; sums may exceed 32 bits in between, where a `number` is exact.
 *
 * The names of the steps are those of the XXH3 specification.
 *
 * @module
 */

/** An implementation of XXH3-64 with seed 0 and the default secret. */
export interface Xxh3 {
  /** Which implementation this is. */
  readonly kind: "wasm" | "scalar";
  /** Bytes at its start are hashed where they are; a call for others overwrites it. */
  readonly memory: Uint8Array;
  /**
   * Hashes `bytes[start, end)`, which must lie inside `bytes`. Writes the low
   * half to `into[0]` and the high half to `into[1]`.
   */
  hashInto(
    bytes: Uint8Array,
    start: number,
    end: number,
    into: Uint32Array,
  ): void;
}

/** The default secret of XXH3, 192 bytes. */
const SECRET: Uint8Array = Uint8Array.from(
  (
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364" +
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e" +
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
  ).match(/../g)!,
  (hex) => parseInt(hex, 16),
);

/** As much as the implementation in WebAssembly has. */
const MEMORY_LENGTH = 131_072;

const STRIPE_LENGTH = 64;
/** Sixteen stripes, each with a key 8 bytes further on. */
const SECRET_CONSUMED_PER_BLOCK = 128;

const PRIME32_1 = 0x9E3779B1;
const PRIME64_1_HIGH = 0x9E3779B1;
const PRIME64_1_LOW = 0x85EBCA87;

/** Low and high halves of the eight accumulators, in turn. */
const INITIAL_ACCUMULATORS: Uint32Array = Uint32Array.of(
  ...[0xC2B2AE3D, 0, 0x85EBCA87, 0x9E3779B1, 0x27D4EB4F, 0xC2B2AE3D],
  ...[0x9E3779F9, 0x165667B1, 0xC2B2AE63, 0x85EBCA77, 0x85EBCA77, 0],
  ...[0x165667C5, 0x27D4EB2F, 0x9E3779B1, 0],
);

const accumulators: Uint32Array = new Uint32Array(16);

/** Halves of the last 64-bit result. */
let low = 0;
let high = 0;

/** @returns The implementation in plain TypeScript. */
export function createScalarXxh3(): Xxh3 {
  return {
    kind: "scalar",
    memory: new Uint8Array(MEMORY_LENGTH),
    hashInto(bytes, start, end, into): void {
      const length = end - start;
      if (length <= 16) hash0to16(bytes, start, length);
      else if (length <= 128) hash17to128(bytes, start, length);
      else if (length <= 240) hash129to240(bytes, start, length);
      else hashLong(bytes, start, length);
      into[0] = low;
      into[1] = high;
    },
  };
}

function hash0to16(bytes: Uint8Array, at: number, length: number): void {
  if (length > 8) hash9to16(bytes, at, length);
  else if (length >= 4) hash4to8(bytes, at, length);
  else if (length > 0) {
    const combined = bytes[at + (length >> 1)]! << 24 | bytes[at]! << 16 |
      length << 8 | bytes[at + length - 1]!;
    avalanche64(combined ^ read32(SECRET, 0) ^ read32(SECRET, 4), 0);
  } else {
    avalanche64(
      read32(SECRET, 56) ^ read32(SECRET, 64),
      read32(SECRET, 60) ^ read32(SECRET, 68),
    );
  }
}

function hash4to8(bytes: Uint8Array, at: number, length: number): void {
  const xLow = read32(bytes, at + length - 4) ^ read32(SECRET, 8) ^
    read32(SECRET, 16);
  const xHigh = read32(bytes, at) ^ read32(SECRET, 12) ^ read32(SECRET, 20);
  // x ^ rotl(x, 49) ^ rotl(x, 24), where rotl(x, 49) is rotr(x, 15)
  const rLow = xLow ^ (xLow >>> 15 | xHigh << 17) ^ (xLow << 24 | xHigh >>> 8);
  const rHigh = xHigh ^ (xHigh >>> 15 | xLow << 17) ^
    (xHigh << 24 | xLow >>> 8);
  multiply(rLow, rHigh, 0x1E98DF25, 0x9FB21C65);
  const sum = (high >>> 3) + length;
  multiply(low ^ sum, high, 0x1E98DF25, 0x9FB21C65);
  low = (low ^ (low >>> 28 | high << 4)) >>> 0;
  high = (high ^ high >>> 28) >>> 0;
}

function hash9to16(bytes: Uint8Array, at: number, length: number): void {
  const last = at + length - 8;
  const aLow = read32(bytes, at) ^ read32(SECRET, 24) ^ read32(SECRET, 32);
  const aHigh = read32(bytes, at + 4) ^ read32(SECRET, 28) ^ read32(SECRET, 36);
  const bLow = read32(bytes, last) ^ read32(SECRET, 40) ^ read32(SECRET, 48);
  const bHigh = read32(bytes, last + 4) ^ read32(SECRET, 44) ^
    read32(SECRET, 52);
  multiplyFold(aLow, aHigh, bLow, bHigh);
  const sumLow = low + length + swap32(aHigh) + (bLow >>> 0);
  const sumHigh = high + swap32(aLow) + (bHigh >>> 0) +
    Math.floor(sumLow / 0x100000000);
  avalanche(sumLow, sumHigh);
}

function hash17to128(bytes: Uint8Array, at: number, length: number): void {
  const end = at + length;
  multiply(length, 0, PRIME64_1_LOW, PRIME64_1_HIGH);
  let sumLow = low;
  let sumHigh = high;
  // Pairs of 16 bytes from both ends inwards.
  for (let i = (length - 1) >> 5; i >= 0; i--) {
    mix16(bytes, at + 16 * i, 32 * i);
    sumLow += low;
    sumHigh += high;
    mix16(bytes, end - 16 * (i + 1), 32 * i + 16);
    sumLow += low;
    sumHigh += high;
  }
  avalanche(sumLow, sumHigh + Math.floor(sumLow / 0x100000000));
}

function hash129to240(bytes: Uint8Array, at: number, length: number): void {
  multiply(length, 0, PRIME64_1_LOW, PRIME64_1_HIGH);
  let sumLow = low;
  let sumHigh = high;
  for (let i = 0; i < 128; i += 16) {
    mix16(bytes, at + i, i);
    sumLow += low;
    sumHigh += high;
  }
  avalanche(sumLow, sumHigh + Math.floor(sumLow / 0x100000000));
  sumLow = low;
  sumHigh = high;
  for (let i = 128; i + 16 <= length; i += 16) {
    mix16(bytes, at + i, i - 125);
    sumLow += low;
    sumHigh += high;
  }
  mix16(bytes, at + length - 16, 119);
  sumLow += low;
  sumHigh += high;
  avalanche(sumLow, sumHigh + Math.floor(sumLow / 0x100000000));
}

function hashLong(bytes: Uint8Array, start: number, length: number): void {
  const end = start + length;
  accumulators.set(INITIAL_ACCUMULATORS);
  let at = start;
  let secretAt = 0;
  // A block is mixed once it is known that more follows it.
  for (; end - at > STRIPE_LENGTH; at += STRIPE_LENGTH) {
    accumulate(bytes, at, secretAt);
    secretAt += 8;
    if (
      secretAt === SECRET_CONSUMED_PER_BLOCK && end - at - STRIPE_LENGTH > 0
    ) {
      scramble();
      secretAt = 0;
    }
  }
  accumulate(bytes, end - STRIPE_LENGTH, 121);

  multiply(
    length >>> 0,
    Math.floor(length / 0x100000000),
    PRIME64_1_LOW,
    PRIME64_1_HIGH,
  );
  let sumLow = low;
  let sumHigh = high;
  for (let i = 0; i < 4; i++) {
    const key = 11 + 16 * i;
    multiplyFold(
      accumulators[4 * i]! ^ read32(SECRET, key),
      accumulators[4 * i + 1]! ^ read32(SECRET, key + 4),
      accumulators[4 * i + 2]! ^ read32(SECRET, key + 8),
      accumulators[4 * i + 3]! ^ read32(SECRET, key + 12),
    );
    sumLow += low;
    sumHigh += high;
  }
  avalanche(sumLow, sumHigh + Math.floor(sumLow / 0x100000000));
}

function accumulate(bytes: Uint8Array, at: number, secretAt: number): void {
  for (let lane = 0; lane < 16; lane += 2) {
    const dataLow = read32(bytes, at + 4 * lane);
    const dataHigh = read32(bytes, at + 4 * lane + 4);
    const key = secretAt + 4 * lane;
    multiply32(
      dataLow ^ read32(SECRET, key),
      dataHigh ^ read32(SECRET, key + 4),
    );
    addTo(lane, low, high);
    addTo(lane ^ 2, dataLow, dataHigh);
  }
}

function addTo(lane: number, addLow: number, addHigh: number): void {
  const sum = accumulators[lane]! + (addLow >>> 0);
  accumulators[lane] = sum;
  accumulators[lane + 1]! += addHigh + (sum > 0xFFFFFFFF ? 1 : 0);
}

function scramble(): void {
  for (let lane = 0; lane < 16; lane += 2) {
    const laneLow = accumulators[lane]!;
    const laneHigh = accumulators[lane + 1]!;
    multiply(
      laneLow ^ laneHigh >>> 15 ^ read32(SECRET, 128 + 4 * lane),
      laneHigh ^ read32(SECRET, 132 + 4 * lane),
      PRIME32_1,
      0,
    );
    accumulators[lane] = low;
    accumulators[lane + 1] = high;
  }
}

function mix16(bytes: Uint8Array, at: number, secretAt: number): void {
  multiplyFold(
    read32(bytes, at) ^ read32(SECRET, secretAt),
    read32(bytes, at + 4) ^ read32(SECRET, secretAt + 4),
    read32(bytes, at + 8) ^ read32(SECRET, secretAt + 8),
    read32(bytes, at + 12) ^ read32(SECRET, secretAt + 12),
  );
}

/** The full 64-bit product of two 32-bit numbers, in `low` and `high`. */
function multiply32(a: number, b: number): void {
  const aLow = a & 0xFFFF;
  const aHigh = a >>> 16;
  const bLow = b & 0xFFFF;
  const bHigh = b >>> 16;
  const first = aHigh * bLow + (aLow * bLow >>> 16);
  const second = aLow * bHigh + (first & 0xFFFF);
  low = Math.imul(a, b) >>> 0;
  high = aHigh * bHigh + (first >>> 16) + (second >>> 16);
}

/** The low 64 bits of a product, in `low` and `high`. */
function multiply(
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): void {
  multiply32(aLow, bLow);
  high = (high + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow)) >>> 0;
}

/** Low and high half of a 128-bit product, combined by exclusive or. */
function multiplyFold(
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): void {
  multiply32(aLow, bLow);
  const word0 = low;
  let word1 = high;
  multiply32(aHigh, bLow);
  word1 += low;
  let word2 = high;
  multiply32(aLow, bHigh);
  word1 += low;
  word2 += high;
  multiply32(aHigh, bHigh);
  word2 += low + Math.floor(word1 / 0x100000000);
  const word3 = high + Math.floor(word2 / 0x100000000);
  low = (word0 ^ word2) >>> 0;
  high = (word1 ^ word3) >>> 0;
}

function avalanche(xLow: number, xHigh: number): void {
  multiply(xLow ^ xHigh >>> 5, xHigh, 0x9E3779F9, 0x16566791);
  low = (low ^ high) >>> 0;
}

/** The finish of XXH64, which XXH3 keeps for its shortest inputs. */
function avalanche64(xLow: number, xHigh: number): void {
  multiply(xLow ^ xHigh >>> 1, xHigh, 0x27D4EB4F, 0xC2B2AE3D);
  multiply(
    low ^ (low >>> 29 | high << 3),
    high ^ high >>> 29,
    0x9E3779F9,
    0x165667B1,
  );
  low = (low ^ high) >>> 0;
}

/** A signed 32-bit number: callers that add make it unsigned. */
function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 |
    bytes[at + 3]! << 24;
}

function swap32(x: number): number {
  return (x << 24 | (x & 0xFF00) << 8 | x >>> 8 & 0xFF00 | x >>> 24) >>> 0;
}
