/**
 * UDP sockets that send far more than a fair program would: `sendmmsg` of the C
 * library on Linux, where a hundred thousand datagrams a second take less than
 * half a core, and the runtime's own sockets elsewhere.
 *
 * @module
 */

/** Datagrams that one system call sends. */
const BATCH_LENGTH = 64;

/** What is read at once of the answers; the rest of a longer one is cut off. */
const RECEIVE_BYTES = 2_048;

const AF_INET = 2;
const SOCK_DGRAM = 2;
/** Linux: do not wait for a datagram, and tell its size even where it is cut. */
const MSG_DONTWAIT_TRUNC = 0x40 | 0x20;

/** What the system took. */
export interface Sent {
  /** Datagrams. */
  readonly datagramCount: number;
  /** Their bytes. */
  readonly byteCount: number;
}

/** One socket, bound to an address and connected to the target. */
export interface FloodSocket {
  /** Sends datagrams. @returns What the system took of them. */
  send(datagrams: readonly Uint8Array<ArrayBuffer>[]): Promise<Sent> | Sent;
  /** @returns Bytes of the answers that came since. */
  receive(): number;
  /** Closes it. */
  close(): void;
}

/** How sockets are made. */
export interface FloodSocketFactory {
  /** How they send. */
  readonly name: "sendmmsg" | "runtime";
  /** Opens a socket. */
  open(from: string, target: { hostname: string; port: number }): FloodSocket;
}

/**
 * Picks the fastest way to send that there is.
 *
 * @returns `sendmmsg` on Linux with permission for `ffi`, otherwise the
 * runtime's own sockets.
 */
export function createFloodSockets(): FloodSocketFactory {
  try {
    return createNativeSockets();
  } catch {
    return { name: "runtime", open: (...where) => new RuntimeSocket(...where) };
  }
}

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

function createNativeSockets(): FloodSocketFactory {
  if (Deno.build.os !== "linux") throw new Error("Not Linux");
  const libc = Deno.dlopen("libc.so.6", SYMBOLS).symbols;
  const layout = new MessageLayout();
  return {
    name: "sendmmsg",
    open: (from, target) => new NativeSocket(libc, layout, from, target),
  };
}

/** An array of `struct mmsghdr` with one `struct iovec` each, for 64-bit Linux. */
class MessageLayout {
  readonly messages = new BigUint64Array(BATCH_LENGTH * 8);
  readonly #vectors = new BigUint64Array(BATCH_LENGTH * 2);
  /** Where the bytes of each datagram are, asked once. */
  readonly #pointers = new Map<Uint8Array<ArrayBuffer>, bigint>();

  constructor() {
    const vectors = pointerTo(this.#vectors);
    for (let index = 0; index < BATCH_LENGTH; index++) {
      this.messages[8 * index + 2] = vectors + BigInt(16 * index);
      this.messages[8 * index + 3] = 1n;
    }
  }

  fill(datagrams: readonly Uint8Array<ArrayBuffer>[]): void {
    for (let index = 0; index < datagrams.length; index++) {
      const datagram = datagrams[index]!;
      let pointer = this.#pointers.get(datagram);
      if (pointer === undefined) {
        pointer = pointerTo(datagram);
        this.#pointers.set(datagram, pointer);
      }
      this.#vectors[2 * index] = pointer;
      this.#vectors[2 * index + 1] = BigInt(datagram.length);
    }
  }
}

function pointerTo(bytes: BufferSource): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

class NativeSocket implements FloodSocket {
  readonly #libc: Libc;
  readonly #layout: MessageLayout;
  readonly #file: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);

  constructor(
    libc: Libc,
    layout: MessageLayout,
    from: string,
    target: { hostname: string; port: number },
  ) {
    this.#libc = libc;
    this.#layout = layout;
    this.#file = libc.socket(AF_INET, SOCK_DGRAM, 0);
    const isBound = libc.bind(this.#file, socketAddress(from, 0), 16) === 0;
    const to = socketAddress(target.hostname, target.port);
    if (!isBound || libc.connect(this.#file, to, 16) !== 0) {
      throw new Error(`No socket from ${from} to ${target.hostname}`);
    }
  }

  send(datagrams: readonly Uint8Array<ArrayBuffer>[]): Sent {
    let datagramCount = 0;
    let byteCount = 0;
    for (let at = 0; at < datagrams.length; at += BATCH_LENGTH) {
      const batch = datagrams.slice(at, at + BATCH_LENGTH);
      this.#layout.fill(batch);
      const { messages } = this.#layout;
      const count = this.#libc.sendmmsg(this.#file, messages, batch.length, 0);
      for (let index = 0; index < count; index++) {
        datagramCount++;
        byteCount += batch[index]!.length;
      }
    }
    return { datagramCount, byteCount };
  }

  receive(): number {
    let receivedBytes = 0;
    for (;;) {
      const length = Number(
        this.#libc.recv(
          this.#file,
          this.#buffer,
          BigInt(RECEIVE_BYTES),
          MSG_DONTWAIT_TRUNC,
        ),
      );
      if (length < 0) return receivedBytes;
      receivedBytes += length;
    }
  }

  close(): void {
    this.#libc.close(this.#file);
  }
}

/** A `struct sockaddr_in`. */
function socketAddress(
  hostname: string,
  port: number,
): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(16);
  new Uint16Array(address.buffer)[0] = AF_INET;
  new DataView(address.buffer).setUint16(2, port);
  address.set(hostname.split(".").map(Number), 4);
  return address;
}

class RuntimeSocket implements FloodSocket {
  readonly #socket: Deno.DatagramConn;
  readonly #target: Deno.NetAddr;
  #receivedBytes = 0;

  constructor(from: string, target: { hostname: string; port: number }) {
    this.#socket = openDatagrams(from);
    this.#target = { transport: "udp", ...target };
    this.#receiveAll();
  }

  async send(datagrams: readonly Uint8Array<ArrayBuffer>[]): Promise<Sent> {
    let datagramCount = 0;
    let byteCount = 0;
    await Promise.all(datagrams.map(async (datagram) => {
      try {
        await this.#socket.send(datagram, this.#target);
        datagramCount++;
        byteCount += datagram.length;
      } catch {
        // The system is full for now: one datagram less.
      }
    }));
    return { datagramCount, byteCount };
  }

  receive(): number {
    const receivedBytes = this.#receivedBytes;
    this.#receivedBytes = 0;
    return receivedBytes;
  }

  close(): void {
    this.#socket.close();
  }

  async #receiveAll(): Promise<void> {
    try {
      for (;;) {
        const [datagram] = await this.#socket.receive();
        this.#receivedBytes += datagram.length;
      }
    } catch {
      // The socket was closed.
    }
  }
}

/** Not every system has more loopback addresses than one: ports differ then. */
function openDatagrams(hostname: string): Deno.DatagramConn {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  } catch {
    const loopback = { hostname: "127.0.0.1", port: 0 } as const;
    return Deno.listenDatagram({ transport: "udp", ...loopback });
  }
}
