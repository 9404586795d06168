/**
 * ChaCha20-Poly1305 (RFC 8439) with SIMD, in AssemblyScript.
 *
 * Not TypeScript for the runtime: `deno task build:wasm` compiles it into
 * `chacha20_poly1305_wasm.gen.ts`, and, for engines that have relaxed SIMD, into
 * `chacha20_poly1305_relaxed_wasm.gen.ts`. The caller writes key, nonce and bytes into
 * memory; what depends on the key is wiped before a call returns.
 *
 * Three pages of memory:
 *
 * ```text
 * offset  size   what
 *      0     32  key; zero between calls
 *     32     12  nonce, where it stands nowhere else in memory
 *    128    128  Poly1305: accumulator, key, last block, tag
 *    512    256  keystream of a batch that is used in part
 *    768    256  zeros
 *   1024     16  lanes of the rotation by 8 bits
 *   4096  67584  input
 *  71680  67584  output
 * ```
 *
 * Four blocks of keystream make a batch, one block in each lane. The
 * multiplications of Poly1305 run in the same loop as the rounds of the batch
 * that follows: they use other units of the processor, and cost a third of
 * what they would cost apart.
 *
 * No branch and no address depends on a key or on a plaintext.
 */

export const KEY: u32 = 0;
export const NONCE: u32 = 32;
export const INPUT: u32 = 4096;
export const OUTPUT: u32 = 71680;
/** Size of input and of output: a datagram, and what is authenticated with it. */
export const AREA_LENGTH: u32 = 67584;

const BLOCK_LENGTH: usize = 64;
const BATCH_LENGTH: usize = 256;
const TAG_LENGTH: usize = 16;

const STREAM: usize = 512;
const ZEROS: usize = 768;

/** Five limbs of the accumulator in 64 bits each, the last of them small. */
const ACCUMULATOR: usize = 128;
const ADDEND: usize = 176;
const MULTIPLIER: usize = 192;
const LAST_BLOCK: usize = 208;
const TAG: usize = 224;
const POLY_END: usize = 256;

const LOW: u64 = 0xffffffff;

/** "expand 32-byte k", as four words. */
const SIGMA_0: u32 = 0x61707865;
const SIGMA_1: u32 = 0x3320646e;
const SIGMA_2: u32 = 0x79622d32;
const SIGMA_3: u32 = 0x6b206574;

// Loaded rather than written as a constant: engines make a constant anew at
// each use, which costs more than the two shifts it replaces.
const ROTATE_8_LANES: usize = memory.data<u8>([3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14]);

/**
 * Seals in place: `length` bytes at `text` become ciphertext, and the tag
 * follows them.
 */
export function seal(nonce: usize, data: usize, dataLength: usize, text: usize, length: usize): void {
  crypt(nonce, data, dataLength, text, length, text, text, 0);
  v128.store(text + length, v128.load(TAG));
  wipe();
}

/**
 * Opens `length` bytes at `text`, which the tag follows, into `output`, which
 * lies elsewhere. Where the tag is wrong, `output` is wiped.
 *
 * @returns Whether the tag is right.
 */
export function open(nonce: usize, data: usize, dataLength: usize, text: usize, length: usize, output: usize): bool {
  crypt(nonce, data, dataLength, text, length, output, text, length);
  const isAuthentic = !v128.any_true(v128.xor(v128.load(TAG), v128.load(text + length)));
  if (!isAuthentic) memory.fill(output, 0, length);
  wipe();
  return isAuthentic;
}

/**
 * Encrypts or decrypts from `input` to `output` and leaves the tag at `TAG`.
 *
 * @param mac Where the ciphertext is: `output` to seal, `input` to open.
 * @param known How much of it is there before the first byte is written.
 */
function crypt(
  nonce: usize, data: usize, dataLength: usize,
  input: usize, length: usize, output: usize, mac: usize, known: usize,
): void {
  const rotate8Lanes = v128.load(ROTATE_8_LANES);
  const ciphertext = mac;
  let macStop = mac;
  let remaining = length;
  let isFirst = true;
  let counter: v128 = i32x4(0, 1, 2, 3);
  let h0: u64 = 0, h1: u64 = 0, h2: u64 = 0, h3: u64 = 0, h4: u64 = 0;
  let r0: u64 = 0, r1: u64 = 0, r2: u64 = 0, r3: u64 = 0;
  let q0: u64 = 0, q1: u64 = 0, q2: u64 = 0, q3: u64 = 0;
  let s0: u64, s1: u64, s2: u64, s3: u64, s4: u64;
  let p0: u64, p1: u64, p2: u64, p3: u64;
  do {
    let x0 = i32x4.splat(SIGMA_0), x1 = i32x4.splat(SIGMA_1);
    let x2 = i32x4.splat(SIGMA_2), x3 = i32x4.splat(SIGMA_3);
    let x4 = v128.load32_splat(KEY), x5 = v128.load32_splat(KEY, 4);
    let x6 = v128.load32_splat(KEY, 8), x7 = v128.load32_splat(KEY, 12);
    let x8 = v128.load32_splat(KEY, 16), x9 = v128.load32_splat(KEY, 20);
    let x10 = v128.load32_splat(KEY, 24), x11 = v128.load32_splat(KEY, 28);
    let x12 = counter, x13 = v128.load32_splat(nonce);
    let x14 = v128.load32_splat(nonce, 4), x15 = v128.load32_splat(nonce, 8);
    for (let round = 0; round < 10; round++) {
      // Columns.
      x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5); x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
      x12 = rotate16(v128.xor(x12, x0)); x13 = rotate16(v128.xor(x13, x1));
      x14 = rotate16(v128.xor(x14, x2)); x15 = rotate16(v128.xor(x15, x3));
      x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13); x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
      x4 = rotate12(v128.xor(x4, x8)); x5 = rotate12(v128.xor(x5, x9));
      x6 = rotate12(v128.xor(x6, x10)); x7 = rotate12(v128.xor(x7, x11));
      x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5); x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
      x12 = rotate8(v128.xor(x12, x0), rotate8Lanes); x13 = rotate8(v128.xor(x13, x1), rotate8Lanes);
      x14 = rotate8(v128.xor(x14, x2), rotate8Lanes); x15 = rotate8(v128.xor(x15, x3), rotate8Lanes);
      x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13); x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
      x4 = rotate7(v128.xor(x4, x8)); x5 = rotate7(v128.xor(x5, x9));
      x6 = rotate7(v128.xor(x6, x10)); x7 = rotate7(v128.xor(x7, x11));
      // Two blocks of Poly1305, of a batch before this one.
      if (mac + 16 < macStop) {
        s0 = h0 + u64(load<u32>(mac)); s1 = h1 + u64(load<u32>(mac, 4));
        s2 = h2 + u64(load<u32>(mac, 8)); s3 = h3 + u64(load<u32>(mac, 12)); s4 = h4 + 1;
        p0 = s0 * r0 + s1 * q3 + s2 * q2 + s3 * q1 + s4 * q0;
        p1 = s0 * r1 + s1 * r0 + s2 * q3 + s3 * q2 + s4 * q1;
        p2 = s0 * r2 + s1 * r1 + s2 * r0 + s3 * q3 + s4 * q2;
        p3 = s0 * r3 + s1 * r2 + s2 * r1 + s3 * r0 + s4 * q3;
        s4 = s4 * (r0 & 3) + (p3 >> 32);
        s0 = (s4 >> 2) * 5 + (p0 & LOW); h0 = s0 & LOW;
        s0 = (s0 >> 32) + (p1 & LOW) + (p0 >> 32); h1 = s0 & LOW;
        s0 = (s0 >> 32) + (p2 & LOW) + (p1 >> 32); h2 = s0 & LOW;
        s0 = (s0 >> 32) + (p3 & LOW) + (p2 >> 32); h3 = s0 & LOW;
        h4 = (s0 >> 32) + (s4 & 3);
        s0 = h0 + u64(load<u32>(mac, 16)); s1 = h1 + u64(load<u32>(mac, 20));
        s2 = h2 + u64(load<u32>(mac, 24)); s3 = h3 + u64(load<u32>(mac, 28)); s4 = h4 + 1;
        p0 = s0 * r0 + s1 * q3 + s2 * q2 + s3 * q1 + s4 * q0;
        p1 = s0 * r1 + s1 * r0 + s2 * q3 + s3 * q2 + s4 * q1;
        p2 = s0 * r2 + s1 * r1 + s2 * r0 + s3 * q3 + s4 * q2;
        p3 = s0 * r3 + s1 * r2 + s2 * r1 + s3 * r0 + s4 * q3;
        s4 = s4 * (r0 & 3) + (p3 >> 32);
        s0 = (s4 >> 2) * 5 + (p0 & LOW); h0 = s0 & LOW;
        s0 = (s0 >> 32) + (p1 & LOW) + (p0 >> 32); h1 = s0 & LOW;
        s0 = (s0 >> 32) + (p2 & LOW) + (p1 >> 32); h2 = s0 & LOW;
        s0 = (s0 >> 32) + (p3 & LOW) + (p2 >> 32); h3 = s0 & LOW;
        h4 = (s0 >> 32) + (s4 & 3);
        mac += 32;
      }
      // Diagonals.
      x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6); x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
      x15 = rotate16(v128.xor(x15, x0)); x12 = rotate16(v128.xor(x12, x1));
      x13 = rotate16(v128.xor(x13, x2)); x14 = rotate16(v128.xor(x14, x3));
      x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12); x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
      x5 = rotate12(v128.xor(x5, x10)); x6 = rotate12(v128.xor(x6, x11));
      x7 = rotate12(v128.xor(x7, x8)); x4 = rotate12(v128.xor(x4, x9));
      x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6); x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
      x15 = rotate8(v128.xor(x15, x0), rotate8Lanes); x12 = rotate8(v128.xor(x12, x1), rotate8Lanes);
      x13 = rotate8(v128.xor(x13, x2), rotate8Lanes); x14 = rotate8(v128.xor(x14, x3), rotate8Lanes);
      x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12); x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
      x5 = rotate7(v128.xor(x5, x10)); x6 = rotate7(v128.xor(x6, x11));
      x7 = rotate7(v128.xor(x7, x8)); x4 = rotate7(v128.xor(x4, x9));
    }
    x0 = i32x4.add(x0, i32x4.splat(SIGMA_0)); x1 = i32x4.add(x1, i32x4.splat(SIGMA_1));
    x2 = i32x4.add(x2, i32x4.splat(SIGMA_2)); x3 = i32x4.add(x3, i32x4.splat(SIGMA_3));
    x4 = i32x4.add(x4, v128.load32_splat(KEY)); x5 = i32x4.add(x5, v128.load32_splat(KEY, 4));
    x6 = i32x4.add(x6, v128.load32_splat(KEY, 8)); x7 = i32x4.add(x7, v128.load32_splat(KEY, 12));
    x8 = i32x4.add(x8, v128.load32_splat(KEY, 16)); x9 = i32x4.add(x9, v128.load32_splat(KEY, 20));
    x10 = i32x4.add(x10, v128.load32_splat(KEY, 24)); x11 = i32x4.add(x11, v128.load32_splat(KEY, 28));
    x12 = i32x4.add(x12, counter); x13 = i32x4.add(x13, v128.load32_splat(nonce));
    x14 = i32x4.add(x14, v128.load32_splat(nonce, 4)); x15 = i32x4.add(x15, v128.load32_splat(nonce, 8));
    counter = i32x4.add(counter, i32x4.splat(4));

    const isWhole = !isFirst && remaining >= BATCH_LENGTH;
    const from = isWhole ? input : ZEROS;
    const to = isWhole ? output : STREAM;
    xorRows(x0, x1, x2, x3, from, to);
    xorRows(x4, x5, x6, x7, from + 16, to + 16);
    xorRows(x8, x9, x10, x11, from + 32, to + 32);
    xorRows(x12, x13, x14, x15, from + 48, to + 48);
    let done = BATCH_LENGTH;
    if (!isWhole) {
      let stream = STREAM;
      let room = BATCH_LENGTH;
      if (isFirst) {
        // RFC 8439 §2.6: block 0 is the key of Poly1305, the text begins at block 1.
        isFirst = false;
        stream += BLOCK_LENGTH;
        room -= BLOCK_LENGTH;
        beginPoly(data, dataLength);
        h0 = load<u64>(ACCUMULATOR); h1 = load<u64>(ACCUMULATOR, 8); h2 = load<u64>(ACCUMULATOR, 16);
        h3 = load<u64>(ACCUMULATOR, 24); h4 = load<u64>(ACCUMULATOR, 32);
        r0 = load<u32>(MULTIPLIER); r1 = load<u32>(MULTIPLIER, 4);
        r2 = load<u32>(MULTIPLIER, 8); r3 = load<u32>(MULTIPLIER, 12);
        q0 = (r0 >> 2) * 5; q1 = r1 + (r1 >> 2); q2 = r2 + (r2 >> 2); q3 = r3 + (r3 >> 2);
        macStop += known & ~15;
      }
      done = min(room, remaining);
      xorPart(input, stream, output, done);
    }
    input += done;
    output += done;
    remaining -= done;
    if (known == 0) macStop += done & ~15;
  } while (remaining != 0);

  store<u64>(ACCUMULATOR, h0); store<u64>(ACCUMULATOR, h1, 8); store<u64>(ACCUMULATOR, h2, 16);
  store<u64>(ACCUMULATOR, h3, 24); store<u64>(ACCUMULATOR, h4, 32);
  absorb(mac, ciphertext + length - mac);
  store<u64>(LAST_BLOCK, dataLength);
  store<u64>(LAST_BLOCK, length, 8);
  absorb(LAST_BLOCK, 16);
  finishPoly();
}

/** Xors the first part of the keystream at `stream` to `length` bytes. */
function xorPart(input: usize, stream: usize, output: usize, length: usize): void {
  const stop = stream + length;
  for (; stream + 16 <= stop; stream += 16) {
    v128.store(output, v128.xor(v128.load(input), v128.load(stream)));
    input += 16;
    output += 16;
  }
  for (; stream < stop; stream++) {
    store<u8>(output++, load<u8>(input++) ^ load<u8>(stream));
  }
}

/** Four words of four blocks: turned into rows, and these xored to the bytes of each block. */
// @ts-ignore: decorator of the compiler
@inline
function xorRows(x0: v128, x1: v128, x2: v128, x3: v128, from: usize, to: usize): void {
  const low01 = v128.shuffle<u32>(x0, x1, 0, 4, 1, 5);
  const low23 = v128.shuffle<u32>(x2, x3, 0, 4, 1, 5);
  const high01 = v128.shuffle<u32>(x0, x1, 2, 6, 3, 7);
  const high23 = v128.shuffle<u32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.xor(v128.load(from), v128.shuffle<u64>(low01, low23, 0, 2)));
  v128.store(to, v128.xor(v128.load(from, 64), v128.shuffle<u64>(low01, low23, 1, 3)), 64);
  v128.store(to, v128.xor(v128.load(from, 128), v128.shuffle<u64>(high01, high23, 0, 2)), 128);
  v128.store(to, v128.xor(v128.load(from, 192), v128.shuffle<u64>(high01, high23, 1, 3)), 192);
}

// @ts-ignore: decorator of the compiler
@inline
function rotate16(x: v128): v128 {
  return v128.shuffle<u16>(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
}

// @ts-ignore: decorator of the compiler
@inline
function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

// @ts-ignore: decorator of the compiler
@inline
function rotate8(x: v128, lanes: v128): v128 {
  // The same for lanes below 16, with no instruction for those above.
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(x, lanes) : i8x16.swizzle(x, lanes);
}

// @ts-ignore: decorator of the compiler
@inline
function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/** Takes the key of Poly1305 from the keystream (RFC 8439 §2.5), and the associated data. */
function beginPoly(data: usize, dataLength: usize): void {
  v128.store(MULTIPLIER, v128.and(v128.load(STREAM), i32x4(0x0fffffff, 0x0ffffffc, 0x0ffffffc, 0x0ffffffc)));
  v128.store(ADDEND, v128.load(STREAM, 16));
  absorb(data, dataLength);
}

/** Multiplies `length` bytes into the accumulator; the last block is filled up with zeros. */
function absorb(mac: usize, length: usize): void {
  absorbBlocks(mac, mac + (length & ~15));
  const rest = length & 15;
  if (rest == 0) return;
  v128.store(LAST_BLOCK, i64x2.splat(0));
  memory.copy(LAST_BLOCK, mac + length - rest, rest);
  absorbBlocks(LAST_BLOCK, LAST_BLOCK + 16);
}

/**
 * Poly1305 in limbs of 32 bits. The key has four bits clear in each limb, and
 * two more in all but the first, so that `5 * r / 4` is exact and a sum of five
 * products stays below 2^64.
 */
function absorbBlocks(mac: usize, stop: usize): void {
  let h0 = load<u64>(ACCUMULATOR), h1 = load<u64>(ACCUMULATOR, 8), h2 = load<u64>(ACCUMULATOR, 16);
  let h3 = load<u64>(ACCUMULATOR, 24), h4 = load<u64>(ACCUMULATOR, 32);
  const r0: u64 = load<u32>(MULTIPLIER), r1: u64 = load<u32>(MULTIPLIER, 4);
  const r2: u64 = load<u32>(MULTIPLIER, 8), r3: u64 = load<u32>(MULTIPLIER, 12);
  const q0 = (r0 >> 2) * 5, q1 = r1 + (r1 >> 2), q2 = r2 + (r2 >> 2), q3 = r3 + (r3 >> 2);
  let s0: u64, s1: u64, s2: u64, s3: u64, s4: u64;
  let p0: u64, p1: u64, p2: u64, p3: u64;
  for (; mac < stop; mac += 16) {
    s0 = h0 + u64(load<u32>(mac)); s1 = h1 + u64(load<u32>(mac, 4));
    s2 = h2 + u64(load<u32>(mac, 8)); s3 = h3 + u64(load<u32>(mac, 12)); s4 = h4 + 1;
    p0 = s0 * r0 + s1 * q3 + s2 * q2 + s3 * q1 + s4 * q0;
    p1 = s0 * r1 + s1 * r0 + s2 * q3 + s3 * q2 + s4 * q1;
    p2 = s0 * r2 + s1 * r1 + s2 * r0 + s3 * q3 + s4 * q2;
    p3 = s0 * r3 + s1 * r2 + s2 * r1 + s3 * r0 + s4 * q3;
    s4 = s4 * (r0 & 3) + (p3 >> 32);
    s0 = (s4 >> 2) * 5 + (p0 & LOW); h0 = s0 & LOW;
    s0 = (s0 >> 32) + (p1 & LOW) + (p0 >> 32); h1 = s0 & LOW;
    s0 = (s0 >> 32) + (p2 & LOW) + (p1 >> 32); h2 = s0 & LOW;
    s0 = (s0 >> 32) + (p3 & LOW) + (p2 >> 32); h3 = s0 & LOW;
    h4 = (s0 >> 32) + (s4 & 3);
  }
  store<u64>(ACCUMULATOR, h0); store<u64>(ACCUMULATOR, h1, 8); store<u64>(ACCUMULATOR, h2, 16);
  store<u64>(ACCUMULATOR, h3, 24); store<u64>(ACCUMULATOR, h4, 32);
}

/** Reduces the accumulator below 2^130 - 5 and adds the second half of the key. */
function finishPoly(): void {
  const h0 = load<u64>(ACCUMULATOR), h1 = load<u64>(ACCUMULATOR, 8), h2 = load<u64>(ACCUMULATOR, 16);
  const h3 = load<u64>(ACCUMULATOR, 24), h4 = load<u64>(ACCUMULATOR, 32);
  // 5 more carry into bit 130 exactly where the accumulator is too large.
  let carry = ((h0 + 5) >> 32) + h1;
  carry = (carry >> 32) + h2;
  carry = (carry >> 32) + h3;
  carry = (carry >> 32) + h4;
  carry = (carry >> 2) * 5 + h0 + u64(load<u32>(ADDEND));
  store<u32>(TAG, u32(carry));
  carry = (carry >> 32) + h1 + u64(load<u32>(ADDEND, 4));
  store<u32>(TAG, u32(carry), 4);
  carry = (carry >> 32) + h2 + u64(load<u32>(ADDEND, 8));
  store<u32>(TAG, u32(carry), 8);
  carry = (carry >> 32) + h3 + u64(load<u32>(ADDEND, 12));
  store<u32>(TAG, u32(carry), 12);
}

/** Leaves nothing that depends on the key. */
function wipe(): void {
  memory.fill(KEY, 0, 32);
  memory.fill(ACCUMULATOR, 0, POLY_END - ACCUMULATOR);
  memory.fill(STREAM, 0, BATCH_LENGTH);
}
