/**
 * SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104) and what HKDF does with one key
 * several times, in AssemblyScript.
 *
 * Not TypeScript for the runtime: `deno task build:wasm` compiles it into
 * `sha256_wasm.gen.ts`. The caller copies bytes to `INPUT` and reads the result
 * at `DIGEST`; everything else is wiped before a result is there.
 *
 * One page of memory:
 *
 * ```text
 * offset  size   what
 *      0     32  digest
 *     64     32  chaining value, as words
 *    128     64  key of the HMAC, filled up with zeros
 *    256    256  message schedule
 *    512     64  chaining values after the two pads of a key that serves often
 *    576    256  outputs of `noise` and `expand`, wiped by the caller
 *   1024    256  round constants
 *   2048  61440  input
 *  63488    128  room for the padding of the input
 * ```
 *
 * No branch and no address depends on the bytes.
 */

export const DIGEST: u32 = 0;
export const KEY: u32 = 128;
export const INPUT: u32 = 2048;
/** A multiple of the block, so that a full input needs no copy. */
export const INPUT_LENGTH: u32 = 61440;

/** Room for eight outputs of 32 bytes. */
export const OUTPUT: u32 = 576;
export const OUTPUT_LENGTH: u32 = 256;
/** Each information of `expand` has a place of this size. */
export const SLOT_LENGTH: u32 = 64;

const STATE: usize = 64;
const INNER: usize = 512;
const OUTER: usize = 544;
const SCHEDULE: usize = 256;
const BLOCK_LENGTH: usize = 64;
const DIGEST_LENGTH: usize = 32;
/** More than the padding ever takes. */
const PADDING_LENGTH: usize = 128;
/** The bit count at the end of the last block. */
const COUNT_LENGTH: usize = 8;

const INNER_PAD: u64 = 0x3636363636363636;
const OUTER_PAD: u64 = 0x5c5c5c5c5c5c5c5c;

const INITIAL: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

const ROUND_CONSTANTS: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** Starts a hash. */
export function begin(): void {
  memory.copy(STATE, INITIAL, DIGEST_LENGTH);
}

/** Takes the whole of the input, after which more may follow. */
export function update(): void {
  compress(INPUT, INPUT + INPUT_LENGTH);
}

/** Takes the last `length` bytes at `INPUT`, of `totalLength`; the digest is there then. */
export function finish(length: u32, totalLength: f64): void {
  digest(INPUT, length, u64(totalLength));
  // What came before it filled the whole of the input.
  wipe(totalLength > length ? INPUT_LENGTH : length);
}

/** HMAC of `length` bytes at `INPUT` under the 64 bytes at `KEY`, which are wiped. */
export function hmac(length: u32): void {
  begin();
  absorbKey(INNER_PAD);
  digest(INPUT, length, BLOCK_LENGTH + length);
  begin();
  absorbKey(OUTER_PAD);
  digest(DIGEST, DIGEST_LENGTH, BLOCK_LENGTH + DIGEST_LENGTH);
  wipe(length);
}

/**
 * HKDF of Noise (revision 34, §4.3): the chaining key at `KEY`, `length` bytes of
 * input key material at `INPUT`; `count` outputs at `OUTPUT`.
 */
export function noise(length: u32, count: u32): void {
  prepareKey();
  keyed(INPUT, length);
  memory.copy(KEY, DIGEST, DIGEST_LENGTH);
  memory.fill(KEY + DIGEST_LENGTH, 0, BLOCK_LENGTH - DIGEST_LENGTH);
  prepareKey();
  wipeInput(length);
  let chained: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(INPUT + chained, i + 1);
    keyed(INPUT, chained + 1);
    memory.copy(INPUT, DIGEST, DIGEST_LENGTH);
    memory.copy(OUTPUT + i * DIGEST_LENGTH, DIGEST, DIGEST_LENGTH);
    chained = DIGEST_LENGTH;
  }
  memory.fill(DIGEST, 0, DIGEST_LENGTH);
  wipe(DIGEST_LENGTH);
}

/**
 * HMAC under the key at `KEY` of `count` texts at `INPUT`, in places of 64 bytes
 * of which the last one holds the length, 55 at most; the tags at `OUTPUT`.
 */
export function expand(count: u32): void {
  prepareKey();
  for (let i: u32 = 0; i < count; i++) {
    const slot = INPUT + i * SLOT_LENGTH;
    // What is read first, the padding may overwrite.
    keyed(slot, load<u8>(slot + SLOT_LENGTH - 1));
    memory.copy(OUTPUT + i * DIGEST_LENGTH, DIGEST, DIGEST_LENGTH);
  }
  memory.fill(DIGEST, 0, DIGEST_LENGTH);
  wipe(count * SLOT_LENGTH);
}

/** Keeps what both pads of the key at `KEY` come to. */
function prepareKey(): void {
  begin();
  absorbKey(INNER_PAD);
  memory.copy(INNER, STATE, DIGEST_LENGTH);
  begin();
  absorbKey(OUTER_PAD);
  memory.copy(OUTER, STATE, DIGEST_LENGTH);
}

/** HMAC under the key that was prepared. */
function keyed(input: usize, length: usize): void {
  memory.copy(STATE, INNER, DIGEST_LENGTH);
  digest(input, length, BLOCK_LENGTH + length);
  memory.copy(STATE, OUTER, DIGEST_LENGTH);
  digest(DIGEST, DIGEST_LENGTH, BLOCK_LENGTH + DIGEST_LENGTH);
}

function absorbKey(pad: u64): void {
  for (let i: usize = 0; i < BLOCK_LENGTH; i += 8) {
    store<u64>(SCHEDULE + i, load<u64>(KEY + i) ^ pad);
  }
  compress(SCHEDULE, SCHEDULE + BLOCK_LENGTH);
}

/** Compresses the last bytes with their padding, which is written behind them. */
function digest(input: usize, length: usize, totalLength: u64): void {
  const end = input + length;
  const blocks = (length + COUNT_LENGTH) / BLOCK_LENGTH + 1;
  const stop = input + blocks * BLOCK_LENGTH;
  memory.fill(end, 0, stop - end);
  store<u8>(end, 0x80);
  store<u64>(stop - COUNT_LENGTH, bswap(totalLength << 3));
  compress(input, stop);
  for (let i: usize = 0; i < DIGEST_LENGTH; i += 4) {
    store<u32>(DIGEST + i, bswap(load<u32>(STATE + i)));
  }
}

/** FIPS 180-4 §6.2.2, over whole blocks. */
function compress(input: usize, stop: usize): void {
  for (; input < stop; input += BLOCK_LENGTH) {
    for (let i: usize = 0; i < BLOCK_LENGTH; i += 4) {
      store<u32>(SCHEDULE + i, bswap(load<u32>(input + i)));
    }
    let a = load<u32>(STATE), b = load<u32>(STATE, 4), c = load<u32>(STATE, 8), d = load<u32>(STATE, 12);
    let e = load<u32>(STATE, 16), f = load<u32>(STATE, 20), g = load<u32>(STATE, 24), h = load<u32>(STATE, 28);
    let t: u32;
    let k = ROUND_CONSTANTS;
    let w = SCHEDULE;
    // Eight rounds a turn: the names rotate instead of the values. Each round
    // makes the word of the schedule that is needed 16 rounds later.
    for (; w < SCHEDULE + 192; w += 32) {
      t = h + big1(e) + choose(e, f, g) + load<u32>(k) + load<u32>(w); d += t; h = t + big0(a) + majority(a, b, c);
      store<u32>(w, small1(load<u32>(w, 56)) + load<u32>(w, 36) + small0(load<u32>(w, 4)) + load<u32>(w), 64);
      t = g + big1(d) + choose(d, e, f) + load<u32>(k, 4) + load<u32>(w, 4); c += t; g = t + big0(h) + majority(h, a, b);
      store<u32>(w, small1(load<u32>(w, 60)) + load<u32>(w, 40) + small0(load<u32>(w, 8)) + load<u32>(w, 4), 68);
      t = f + big1(c) + choose(c, d, e) + load<u32>(k, 8) + load<u32>(w, 8); b += t; f = t + big0(g) + majority(g, h, a);
      store<u32>(w, small1(load<u32>(w, 64)) + load<u32>(w, 44) + small0(load<u32>(w, 12)) + load<u32>(w, 8), 72);
      t = e + big1(b) + choose(b, c, d) + load<u32>(k, 12) + load<u32>(w, 12); a += t; e = t + big0(f) + majority(f, g, h);
      store<u32>(w, small1(load<u32>(w, 68)) + load<u32>(w, 48) + small0(load<u32>(w, 16)) + load<u32>(w, 12), 76);
      t = d + big1(a) + choose(a, b, c) + load<u32>(k, 16) + load<u32>(w, 16); h += t; d = t + big0(e) + majority(e, f, g);
      store<u32>(w, small1(load<u32>(w, 72)) + load<u32>(w, 52) + small0(load<u32>(w, 20)) + load<u32>(w, 16), 80);
      t = c + big1(h) + choose(h, a, b) + load<u32>(k, 20) + load<u32>(w, 20); g += t; c = t + big0(d) + majority(d, e, f);
      store<u32>(w, small1(load<u32>(w, 76)) + load<u32>(w, 56) + small0(load<u32>(w, 24)) + load<u32>(w, 20), 84);
      t = b + big1(g) + choose(g, h, a) + load<u32>(k, 24) + load<u32>(w, 24); f += t; b = t + big0(c) + majority(c, d, e);
      store<u32>(w, small1(load<u32>(w, 80)) + load<u32>(w, 60) + small0(load<u32>(w, 28)) + load<u32>(w, 24), 88);
      t = a + big1(f) + choose(f, g, h) + load<u32>(k, 28) + load<u32>(w, 28); e += t; a = t + big0(b) + majority(b, c, d);
      store<u32>(w, small1(load<u32>(w, 84)) + load<u32>(w, 64) + small0(load<u32>(w, 32)) + load<u32>(w, 28), 92);
      k += 32;
    }
    for (; w < SCHEDULE + 256; w += 32) {
      t = h + big1(e) + choose(e, f, g) + load<u32>(k) + load<u32>(w); d += t; h = t + big0(a) + majority(a, b, c);
      t = g + big1(d) + choose(d, e, f) + load<u32>(k, 4) + load<u32>(w, 4); c += t; g = t + big0(h) + majority(h, a, b);
      t = f + big1(c) + choose(c, d, e) + load<u32>(k, 8) + load<u32>(w, 8); b += t; f = t + big0(g) + majority(g, h, a);
      t = e + big1(b) + choose(b, c, d) + load<u32>(k, 12) + load<u32>(w, 12); a += t; e = t + big0(f) + majority(f, g, h);
      t = d + big1(a) + choose(a, b, c) + load<u32>(k, 16) + load<u32>(w, 16); h += t; d = t + big0(e) + majority(e, f, g);
      t = c + big1(h) + choose(h, a, b) + load<u32>(k, 20) + load<u32>(w, 20); g += t; c = t + big0(d) + majority(d, e, f);
      t = b + big1(g) + choose(g, h, a) + load<u32>(k, 24) + load<u32>(w, 24); f += t; b = t + big0(c) + majority(c, d, e);
      t = a + big1(f) + choose(f, g, h) + load<u32>(k, 28) + load<u32>(w, 28); e += t; a = t + big0(b) + majority(b, c, d);
      k += 32;
    }
    store<u32>(STATE, load<u32>(STATE) + a); store<u32>(STATE, load<u32>(STATE, 4) + b, 4);
    store<u32>(STATE, load<u32>(STATE, 8) + c, 8); store<u32>(STATE, load<u32>(STATE, 12) + d, 12);
    store<u32>(STATE, load<u32>(STATE, 16) + e, 16); store<u32>(STATE, load<u32>(STATE, 20) + f, 20);
    store<u32>(STATE, load<u32>(STATE, 24) + g, 24); store<u32>(STATE, load<u32>(STATE, 28) + h, 28);
  }
}

// @ts-ignore: decorator of the compiler
@inline
function big0(x: u32): u32 {
  return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22);
}

// @ts-ignore: decorator of the compiler
@inline
function big1(x: u32): u32 {
  return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25);
}

// @ts-ignore: decorator of the compiler
@inline
function small0(x: u32): u32 {
  return rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3);
}

// @ts-ignore: decorator of the compiler
@inline
function small1(x: u32): u32 {
  return rotr(x, 17) ^ rotr(x, 19) ^ (x >> 10);
}

// @ts-ignore: decorator of the compiler
@inline
function choose(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

// @ts-ignore: decorator of the compiler
@inline
function majority(x: u32, y: u32, z: u32): u32 {
  return (x & y) | (z & (x | y));
}

/** Leaves the digest only: what was hashed may be secret. */
function wipe(length: usize): void {
  wipeInput(length);
  memory.fill(DIGEST + DIGEST_LENGTH, 0, OUTPUT - DIGEST_LENGTH);
}

function wipeInput(length: usize): void {
  memory.fill(INPUT, 0, length + PADDING_LENGTH);
}
