/**
 * Raw UDP: what the machine gives before anybody encrypts, acknowledges or
 * checks anything.
 *
 * A call is a datagram there and one back. Messages one way are a datagram
 * each, the large ones several; with packets held at 1,200 bytes as many as fit
 * share one. The receiver says how much has come, so that the kernel's receive
 * buffer does not overflow; what it drops nevertheless is made up for by a
 * further datagram, and a call without an answer is sent again.
 *
 * @module
 */
import type {
  PeerConnection,
  PeerDriver,
  PeerServer,
  StreamRequest,
} from "../driver.ts";
import {
  CALL_HEAD_LENGTH,
  encodeCall,
  encodeStreamRequest,
  handleRequest,
  numberOfCall,
} from "../message_session.ts";
import { runPeer } from "../peer_main.ts";

/** Largest datagram sent: an UDP payload that needs no fragments on loopback. */
const MAX_DATAGRAM_BYTES = 61_680;

/** Largest datagram where packets are held small. */
const SMALL_DATAGRAM_BYTES = 1_200;

/** What may be in flight, of the 212,992 bytes of the default receive buffer. */
const KERNEL_BUFFER_BYTES = 150_000;

/** What the kernel counts for a datagram beside its bytes, about. */
const KERNEL_OVERHEAD_BYTES = 1_200;

const MAX_WINDOW_DATAGRAMS = 128;

/** Silence after which what is in flight counts as lost. */
const LOSS_TIMEOUT_MS = 50;

/** Calls that are sent again at a time: more would be what overloads the other side. */
const MAX_REPEATS = 256;

const CREDIT = 2;
const STREAM_SMALL = 3;
const LOOPBACK = { hostname: "127.0.0.1", port: 0, transport: "udp" } as const;

/** How messages lie in datagrams. */
interface Layout {
  readonly datagramBytes: number;
  readonly datagramCount: number;
  readonly windowDatagrams: number;
}

function layoutOf(request: StreamRequest, isSmall: boolean): Layout {
  const { count, bytes } = request;
  const limit = isSmall ? SMALL_DATAGRAM_BYTES : MAX_DATAGRAM_BYTES;
  const perDatagram = isSmall ? Math.max(1, Math.floor(limit / bytes)) : 1;
  const parts = Math.ceil(bytes / limit);
  const datagramBytes = Math.min(limit, bytes * perDatagram);
  return {
    datagramBytes,
    datagramCount: Math.ceil(count / perDatagram) * parts,
    windowDatagrams: Math.max(
      2,
      Math.min(
        MAX_WINDOW_DATAGRAMS,
        Math.floor(
          KERNEL_BUFFER_BYTES / (datagramBytes + KERNEL_OVERHEAD_BYTES),
        ),
      ),
    ),
  };
}

function encodeCredit(count: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = CREDIT;
  new DataView(bytes.buffer).setUint32(1, count, true);
  return bytes;
}

function decodeCredit(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
}

/** Sends one stream of datagrams. */
class RawSender {
  readonly #socket: Deno.DatagramConn;
  readonly #to: Deno.Addr;
  readonly #layout: Layout;
  #arrivedCount = 0;
  #wake: () => void = () => {};

  constructor(socket: Deno.DatagramConn, to: Deno.Addr, layout: Layout) {
    this.#socket = socket;
    this.#to = to;
    this.#layout = layout;
  }

  handleCredit(count: number): void {
    this.#arrivedCount = count;
    this.#wake();
  }

  async run(): Promise<void> {
    const { datagramBytes, datagramCount, windowDatagrams } = this.#layout;
    const datagram = new Uint8Array(datagramBytes).fill(7);
    let sentCount = 0;
    while (this.#arrivedCount < datagramCount) {
      if (
        sentCount < datagramCount &&
        sentCount - this.#arrivedCount < windowDatagrams
      ) {
        sentCount++;
        await this.#socket.send(datagram, this.#to);
      } else if (!await this.#progress()) sentCount = this.#arrivedCount;
    }
  }

  async #progress(): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isProgress = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
      timer = setTimeout(() => resolve(false), LOSS_TIMEOUT_MS);
    });
    clearTimeout(timer);
    return isProgress;
  }
}

function startServer(): PeerServer {
  const socket = Deno.listenDatagram(LOOPBACK);
  let sender: RawSender | undefined;
  const listen = async (): Promise<void> => {
    const buffer = new Uint8Array(2_048);
    for (;;) {
      const [datagram, from] = await socket.receive(buffer);
      const isSmall = datagram[0] === STREAM_SMALL;
      if (datagram[0] === CREDIT) sender?.handleCredit(decodeCredit(datagram));
      else if (datagram[0] === 0) await socket.send(datagram, from);
      else {
        datagram[0] = 1;
        handleRequest(datagram, {
          answer: () => {},
          stream: (request) => {
            sender = new RawSender(socket, from, layoutOf(request, isSmall));
            sender.run();
          },
        });
      }
    }
  };
  listen().catch(() => {/* The socket was closed. */});
  return {
    address: JSON.stringify(socket.addr),
    close: () => socket.close(),
  };
}

/** A call without an answer so far. */
interface OpenCall {
  readonly message: Uint8Array;
  readonly sentAt: number;
  readonly resolve: (answer: Uint8Array) => void;
}

class RawConnection implements PeerConnection {
  readonly #socket = Deno.listenDatagram(LOOPBACK);
  readonly #server: Deno.NetAddr;
  readonly #isSmall: boolean;
  readonly #calls = new Map<number, OpenCall>();
  readonly #sweep: ReturnType<typeof setInterval>;
  #lastNumber = 0;
  #onDatagram: (datagram: Uint8Array) => void;

  constructor(server: Deno.NetAddr, isSmall: boolean) {
    this.#server = server;
    this.#isSmall = isSmall;
    this.#onDatagram = (datagram) => this.#handleAnswer(datagram);
    this.#sweep = setInterval(() => this.#repeatCalls(), LOSS_TIMEOUT_MS);
    this.#listen().catch(() => {/* The socket was closed. */});
  }

  call(payload: Uint8Array): Promise<Uint8Array> {
    const number = this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    const message = encodeCall(number, payload);
    return new Promise((resolve) => {
      const sentAt = performance.now();
      this.#calls.set(number, { message, sentAt, resolve });
      this.#socket.send(message, this.#server);
    });
  }

  async stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    const { datagramCount, windowDatagrams } = layoutOf(request, this.#isSmall);
    const creditInterval = Math.max(1, windowDatagrams >> 2);
    const assemble = createAssembler(request, onMessage);
    let arrivedCount = 0;
    await new Promise<void>((resolve) => {
      this.#onDatagram = (datagram) => {
        arrivedCount++;
        assemble(datagram);
        if (
          arrivedCount % creditInterval === 0 || arrivedCount >= datagramCount
        ) this.#socket.send(encodeCredit(arrivedCount), this.#server);
        if (arrivedCount >= datagramCount) resolve();
      };
      const message = encodeStreamRequest(request);
      if (this.#isSmall) message[0] = STREAM_SMALL;
      this.#socket.send(message, this.#server);
    });
    this.#onDatagram = (datagram) => this.#handleAnswer(datagram);
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#socket.close();
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const [datagram] = await this.#socket.receive(buffer);
      this.#onDatagram(datagram);
    }
  }

  #handleAnswer(datagram: Uint8Array): void {
    const number = numberOfCall(datagram);
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    // The buffer is used again.
    call?.resolve(datagram.slice(CALL_HEAD_LENGTH));
  }

  #repeatCalls(): void {
    const now = performance.now();
    let repeatedCount = 0;
    for (const [number, { message, sentAt, resolve }] of this.#calls) {
      // The oldest are first.
      if (sentAt > now - LOSS_TIMEOUT_MS) break;
      if (repeatedCount++ >= MAX_REPEATS) break;
      this.#calls.delete(number);
      this.#calls.set(number, { message, sentAt: now, resolve });
      this.#socket.send(message, this.#server);
    }
  }
}

/** Cuts datagrams into messages, or joins them. */
function createAssembler(
  request: StreamRequest,
  onMessage: (message: Uint8Array) => void,
): (datagram: Uint8Array) => void {
  const { count, bytes } = request;
  let left = count;
  const deliver = (message: Uint8Array): void => {
    if (left-- > 0) onMessage(message);
  };
  if (bytes <= MAX_DATAGRAM_BYTES) {
    return (datagram) => {
      for (let at = 0; at + bytes <= datagram.length; at += bytes) {
        deliver(datagram.subarray(at, at + bytes));
      }
    };
  }
  const whole = new Uint8Array(bytes);
  let length = 0;
  return (datagram) => {
    const part = datagram.subarray(0, bytes - length);
    whole.set(part, length);
    length += part.length;
    if (length < bytes) return;
    length = 0;
    deliver(whole);
  };
}

const driver: PeerDriver = {
  holdsPacketSize: true,
  isConnectionless: true,
  startServer,
  connect: (_context, address, { smallPackets = false }) =>
    Promise.resolve(new RawConnection(JSON.parse(address), smallPackets)),
};

runPeer(driver);
