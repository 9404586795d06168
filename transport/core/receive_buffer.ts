/**
 * What a datagram takes of the receive buffer of the peer's kernel.
 *
 * A receiver that falls behind loses datagrams in silence when that buffer is
 * full. On a long path pacing keeps bursts short. Within one machine or one
 * rack the round trip is shorter than any timer, nothing is paced, and the only
 * queue on the path is that buffer: there it has to bound what is in flight.
 *
 * The figures are those of Linux, whose default is the smallest of the common
 * systems. It counts the memory that holds a datagram, not its length: a datagram
 * of 100 bytes takes 832, one of 1,200 takes 2,304.
 *
 * @module
 */

/** Default receive buffer of a UDP socket, in bytes (Linux, net.core.rmem_default). */
export const RECEIVE_BUFFER_BYTES = 212_992;

/**
 * Kernel memory that the packets in flight on one unpaced path may take, in
 * bytes: 70 % of the buffer, 149 KB, 64 datagrams of 1,200 bytes.
 *
 * The kernel gives back what was read only when it is a quarter of the buffer, or
 * when nothing is left to read (udp_rmem_release), so three quarters is all that can
 * be counted on; the rest is for packets that only acknowledge, which congestion
 * control does not see. Measured: nothing is dropped at 70 %, a few at 85 %.
 */
export const MAX_UNPACED_KERNEL_BYTES: number = maxUnpacedKernelBytes(
  RECEIVE_BUFFER_BYTES,
);

/**
 * The same for a peer that says how large its buffer is. One that says less than
 * the default gets the default: everything works with that.
 *
 * @param receiveBufferBytes What the peer announced, if it did, in bytes.
 * @returns Bytes of kernel memory.
 */
export function maxUnpacedKernelBytes(
  receiveBufferBytes: number = RECEIVE_BUFFER_BYTES,
): number {
  return Math.floor(0.7 * Math.max(receiveBufferBytes, RECEIVE_BUFFER_BYTES));
}

/**
 * RTT below which a path is not paced and its receive buffer is spared instead,
 * in ms: the timers of the runtimes fire 1 to 2 ms late.
 */
export const MIN_PACED_RTT_MS = 1;

/**
 * The same on loopback, where nothing but the two processes takes time: while
 * a runtime still compiles them the first round trips take several ms. A path
 * that is longer is an emulated one, or a relay.
 */
export const MIN_PACED_LOOPBACK_RTT_MS = 10;

/** Size of `struct sk_buff`, in bytes, rounded to its slab (Linux 6). */
const BUFFER_HEAD_BYTES = 256;
/** Headers, `struct skb_shared_info` and alignment beside the payload, in bytes. */
const BUFFER_OVERHEAD_BYTES = 384;
/** Smallest block for headers and payload, in bytes (Linux 6, SKB_SMALL_HEAD_CACHE_SIZE). */
const SMALL_BLOCK_BYTES = 576;
/** Largest block in one piece, in bytes (SKB_MAX_ALLOC); above, whole pages are chained. */
const MAX_BLOCK_BYTES = 16_384;

/**
 * How much of the peer's receive buffer a datagram takes: what Linux calls its
 * truesize. Checked against a kernel 6.18, whose buffer holds 256 datagrams of 100
 * bytes, 92 of 1,200, 12 of 16,000, 6 of 32,500 and 3 of 65,507.
 *
 * @param datagramBytes Size of the datagram, in bytes.
 * @returns Bytes of kernel memory.
 */
export function kernelBytes(datagramBytes: number): number {
  const neededBytes = datagramBytes + BUFFER_OVERHEAD_BYTES;
  if (neededBytes <= SMALL_BLOCK_BYTES) {
    return SMALL_BLOCK_BYTES + BUFFER_HEAD_BYTES;
  }
  if (neededBytes > MAX_BLOCK_BYTES) {
    return datagramBytes + SMALL_BLOCK_BYTES + BUFFER_HEAD_BYTES;
  }
  // blocks are powers of two
  return 2 ** (32 - Math.clz32(neededBytes - 1)) + BUFFER_HEAD_BYTES;
}
