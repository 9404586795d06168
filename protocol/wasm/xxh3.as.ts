/**
 * XXH3-64 with seed 0 and the default secret, in AssemblyScript with SIMD.
 *
 * Not TypeScript for the runtime: `deno task build:wasm` compiles it into
 * `xxh3_wasm.gen.ts`. The caller copies bytes to `INPUT` and reads the two
 * halves of the result at `RESULT`.
 *
 * Three pages of memory:
 *
 * ```text
 * offset  size   what
 *      0     8   result, low half first
 *     64    64   eight 64-bit accumulators
 *   1024   192   the default secret
 *   4032    64   last stripe of the previous chunk
 *   4096 131072  input
 * ```
 *
 * The names of the steps are those of the XXH3 specification.
 */

export const RESULT: u32 = 0;
export const INPUT: u32 = 4096;
/** A multiple of the 1,024-byte block, so that a full chunk ends on a block. */
export const INPUT_LENGTH: u32 = 131072;

const ACCUMULATORS: usize = 64;
const STRIPE_LENGTH: usize = 64;
const STRIPES_PER_BLOCK: usize = 16;
const BLOCK_LENGTH: usize = 1024;

const PRIME32_1: u64 = 0x9E3779B1;
const PRIME32_2: u64 = 0x85EBCA77;
const PRIME32_3: u64 = 0xC2B2AE3D;
const PRIME64_1: u64 = 0x9E3779B185EBCA87;
const PRIME64_2: u64 = 0xC2B2AE3D27D4EB4F;
const PRIME64_3: u64 = 0x165667B19E3779F9;
const PRIME64_4: u64 = 0x85EBCA77C2B2AE63;
const PRIME64_5: u64 = 0x27D4EB2F165667C5;
const PRIME_MX1: u64 = 0x165667919E3779F9;
const PRIME_MX2: u64 = 0x9FB21C651E98DF25;

// deno-fmt-ignore
const SECRET: usize = memory.data<u8>([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
  0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
  0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
  0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
  0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
  0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
  0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
  0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
  0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
]);

/** Hashes the `length` (at most `INPUT_LENGTH`) bytes at `INPUT`. */
export function hash(length: u32): void {
  const input: usize = INPUT;
  const size: usize = length;
  let result: u64;
  if (size <= 16) result = hash0to16(input, size);
  else if (size <= 128) result = hash17to128(input, size);
  else if (size <= 240) result = hash129to240(input, size);
  else {
    begin();
    result = finishLong(input, size, u64(size));
  }
  store<u64>(RESULT, result);
}

/** Starts an input longer than `INPUT_LENGTH`. */
export function begin(): void {
  v128.store(ACCUMULATORS, i64x2(PRIME32_3, PRIME64_1), 0);
  v128.store(ACCUMULATORS, i64x2(PRIME64_2, PRIME64_3), 16);
  v128.store(ACCUMULATORS, i64x2(PRIME64_4, PRIME32_2), 32);
  v128.store(ACCUMULATORS, i64x2(PRIME64_5, PRIME32_1), 48);
}

/** Takes a full chunk of `INPUT_LENGTH` bytes, after which more must follow. */
export function update(): void {
  accumulateBlocks(INPUT, INPUT_LENGTH / BLOCK_LENGTH);
  // The last stripe of the whole input may begin in this chunk.
  memory.copy(INPUT - STRIPE_LENGTH, INPUT + INPUT_LENGTH - STRIPE_LENGTH, STRIPE_LENGTH);
}

/** Takes the last chunk: 1 to `INPUT_LENGTH` bytes of `totalLength`. */
export function finish(length: u32, totalLength: f64): void {
  store<u64>(RESULT, finishLong(INPUT, length, u64(totalLength)));
}

function hash0to16(input: usize, size: usize): u64 {
  if (size > 8) {
    const low = load<u64>(input) ^ load<u64>(SECRET, 24) ^ load<u64>(SECRET, 32);
    const high = load<u64>(input + size - 8) ^ load<u64>(SECRET, 40) ^ load<u64>(SECRET, 48);
    return avalanche(u64(size) + bswap(low) + high + multiplyFold(low, high));
  }
  if (size >= 4) {
    const first = u64(load<u32>(input));
    const last = u64(load<u32>(input + size - 4));
    let h = (last + (first << 32)) ^ load<u64>(SECRET, 8) ^ load<u64>(SECRET, 16);
    h ^= rotl(h, 49) ^ rotl(h, 24);
    h *= PRIME_MX2;
    h ^= (h >> 35) + u64(size);
    h *= PRIME_MX2;
    return h ^ (h >> 28);
  }
  if (size > 0) {
    const first = u32(load<u8>(input));
    const middle = u32(load<u8>(input + (size >> 1)));
    const last = u32(load<u8>(input + size - 1));
    const combined = (first << 16) | (middle << 24) | last | (u32(size) << 8);
    return avalanche64(u64(combined ^ load<u32>(SECRET) ^ load<u32>(SECRET, 4)));
  }
  return avalanche64(load<u64>(SECRET, 56) ^ load<u64>(SECRET, 64));
}

function hash17to128(input: usize, size: usize): u64 {
  const end = input + size;
  let acc = u64(size) * PRIME64_1;
  if (size > 32) {
    if (size > 64) {
      if (size > 96) {
        acc += mix16(input + 48, SECRET + 96) + mix16(end - 64, SECRET + 112);
      }
      acc += mix16(input + 32, SECRET + 64) + mix16(end - 48, SECRET + 80);
    }
    acc += mix16(input + 16, SECRET + 32) + mix16(end - 32, SECRET + 48);
  }
  acc += mix16(input, SECRET) + mix16(end - 16, SECRET + 16);
  return avalanche(acc);
}

function hash129to240(input: usize, size: usize): u64 {
  let acc = u64(size) * PRIME64_1;
  for (let i: usize = 0; i < 128; i += 16) acc += mix16(input + i, SECRET + i);
  acc = avalanche(acc);
  const rounds = size & ~15;
  for (let i: usize = 128; i < rounds; i += 16) acc += mix16(input + i, SECRET + i - 125);
  return avalanche(acc + mix16(input + size - 16, SECRET + 119));
}

function finishLong(input: usize, size: usize, totalLength: u64): u64 {
  const blocks = (size - 1) / BLOCK_LENGTH;
  accumulateBlocks(input, blocks);
  const rest = input + blocks * BLOCK_LENGTH;
  accumulate(rest, SECRET, (size - 1 - blocks * BLOCK_LENGTH) / STRIPE_LENGTH);
  accumulate(input + size - STRIPE_LENGTH, SECRET + 121, 1);
  let result = totalLength * PRIME64_1;
  for (let i: usize = 0; i < 64; i += 16) {
    result += multiplyFold(
      load<u64>(ACCUMULATORS + i) ^ load<u64>(SECRET + i, 11),
      load<u64>(ACCUMULATORS + i, 8) ^ load<u64>(SECRET + i, 19),
    );
  }
  return avalanche(result);
}

function accumulateBlocks(input: usize, blocks: usize): void {
  const end = input + blocks * BLOCK_LENGTH;
  for (; input < end; input += BLOCK_LENGTH) {
    accumulate(input, SECRET, STRIPES_PER_BLOCK);
    for (let i: usize = 0; i < 64; i += 16) {
      const acc = v128.load(ACCUMULATORS + i);
      const mixed = v128.xor(
        v128.xor(acc, i64x2.shr_u(acc, 47)),
        v128.load(SECRET + i, 128),
      );
      v128.store(ACCUMULATORS + i, i64x2.mul(mixed, i64x2.splat(PRIME32_1)));
    }
  }
}

function accumulate(input: usize, secret: usize, stripes: usize): void {
  let acc0 = v128.load(ACCUMULATORS, 0);
  let acc1 = v128.load(ACCUMULATORS, 16);
  let acc2 = v128.load(ACCUMULATORS, 32);
  let acc3 = v128.load(ACCUMULATORS, 48);
  for (let i: usize = 0; i < stripes; i++) {
    const data0 = v128.load(input, 0);
    const data1 = v128.load(input, 16);
    const data2 = v128.load(input, 32);
    const data3 = v128.load(input, 48);
    const key0 = v128.xor(data0, v128.load(secret, 0));
    const key1 = v128.xor(data1, v128.load(secret, 16));
    const key2 = v128.xor(data2, v128.load(secret, 32));
    const key3 = v128.xor(data3, v128.load(secret, 48));
    // Low halves of four 64-bit keys in one vector, high halves in another,
    // so that two multiplications do the work of four.
    const low01 = v128.shuffle<i32>(key0, key1, 0, 2, 4, 6);
    const high01 = v128.shuffle<i32>(key0, key1, 1, 3, 5, 7);
    const low23 = v128.shuffle<i32>(key2, key3, 0, 2, 4, 6);
    const high23 = v128.shuffle<i32>(key2, key3, 1, 3, 5, 7);
    const sum0 = i64x2.add(v128.shuffle<i64>(data0, data0, 1, 0), i64x2.extmul_low_i32x4_u(low01, high01));
    const sum1 = i64x2.add(v128.shuffle<i64>(data1, data1, 1, 0), i64x2.extmul_high_i32x4_u(low01, high01));
    const sum2 = i64x2.add(v128.shuffle<i64>(data2, data2, 1, 0), i64x2.extmul_low_i32x4_u(low23, high23));
    const sum3 = i64x2.add(v128.shuffle<i64>(data3, data3, 1, 0), i64x2.extmul_high_i32x4_u(low23, high23));
    acc0 = i64x2.add(acc0, sum0);
    acc1 = i64x2.add(acc1, sum1);
    acc2 = i64x2.add(acc2, sum2);
    acc3 = i64x2.add(acc3, sum3);
    input += STRIPE_LENGTH;
    secret += 8;
  }
  v128.store(ACCUMULATORS, acc0, 0);
  v128.store(ACCUMULATORS, acc1, 16);
  v128.store(ACCUMULATORS, acc2, 32);
  v128.store(ACCUMULATORS, acc3, 48);
}

function mix16(input: usize, secret: usize): u64 {
  return multiplyFold(
    load<u64>(input) ^ load<u64>(secret),
    load<u64>(input, 8) ^ load<u64>(secret, 8),
  );
}

/** Low and high half of the 128-bit product, combined by exclusive or. */
function multiplyFold(a: u64, b: u64): u64 {
  const aLow = a & 0xFFFFFFFF;
  const aHigh = a >> 32;
  const bLow = b & 0xFFFFFFFF;
  const bHigh = b >> 32;
  const lowLow = aLow * bLow;
  const highLow = aHigh * bLow;
  const cross = (lowLow >> 32) + (highLow & 0xFFFFFFFF) + aLow * bHigh;
  const upper = (highLow >> 32) + (cross >> 32) + aHigh * bHigh;
  return upper ^ (a * b);
}

function avalanche(hash: u64): u64 {
  hash ^= hash >> 37;
  hash *= PRIME_MX1;
  return hash ^ (hash >> 32);
}

/** The finish of XXH64, which XXH3 keeps for its shortest inputs. */
function avalanche64(hash: u64): u64 {
  hash ^= hash >> 33;
  hash *= PRIME64_2;
  hash ^= hash >> 29;
  hash *= PRIME64_3;
  return hash ^ (hash >> 32);
}
