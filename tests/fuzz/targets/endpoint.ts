/**
 * Datagrams from anybody: an endpoint never throws, never sends to an address
 * that is not proven more than three times what came from there, and remembers
 * no more than was agreed.
 *
 * An input is a list of steps: a byte that names the step and the sender, then
 * what the step needs.
 *
 * @module
 */
import { concat } from "../../../internal/concat.ts";
import {
  generateKeyPair,
  HandshakeState,
  hmacSha256,
} from "../../../crypto/mod.ts";
import { ByteReader, ByteWriter, xxh3_64 } from "../../../protocol/mod.ts";
import type { Address } from "../../../transport/core/address.ts";
import { Endpoint } from "../../../transport/core/endpoint.ts";
import {
  encodeInitiatorHello,
  encodeRefusal,
  encodeVersionNegotiation,
  HandshakePatternCode,
  handshakePrologue,
  helloMacKey,
} from "../../../transport/core/handshake_packet.ts";
import type { Suite } from "../../../transport/core/suite.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { magnitudeOf } from "../signature.ts";
import { DEFAULT_BUDGET, type FuzzTarget, require } from "../target.ts";

const MAX_CONNECTIONS = 8;
const MAX_HALF_OPEN = 4;

/** Steps of one input: each may cost a handshake. */
const MAX_STEPS = 48;

/** Deadlines until everything has to be over. */
const MAX_TIMEOUTS = 2_000;

const START = 1_000;
const SERVER_SEED = 21;
const CLIENT_SEED = 22;
const SERVER_KEYS = generateKeyPair(new SeededRandom(23));
const CLIENT_KEYS = generateKeyPair(new SeededRandom(24));
const SERVER: Address = { hostname: "10.0.0.2", port: 9000 };
const STRANGERS: readonly Address[] = [
  { hostname: "10.0.0.1", port: 4001 },
  { hostname: "10.0.0.1", port: 4002 },
  { hostname: "2001:db8::1", port: 4001 },
  SERVER,
];

const SHARED_OPTIONS = {
  maxConnections: MAX_CONNECTIONS,
  maxHalfOpen: MAX_HALF_OPEN,
  handshakeTimeoutMs: 1_000,
  idleTimeoutMs: 1_000,
  keepAliveIntervalMs: 0,
} as const;

/** Suites of both ends: the default ones, or the one whose messages are split. */
function suitesOf(isHybrid: boolean): { suites?: readonly Suite[] } {
  return isHybrid ? { suites: ["x25519-mlkem768-chacha20-poly1305"] } : {};
}

function createServer(isHybrid: boolean): Endpoint {
  return new Endpoint(
    { ...SHARED_OPTIONS, ...suitesOf(isHybrid), keyPair: SERVER_KEYS },
    new SeededRandom(SERVER_SEED),
  );
}

/** An endpoint that has called the server by its key, and then without one. */
function createClient(isHybrid: boolean): Endpoint {
  const client = new Endpoint(
    { ...SHARED_OPTIONS, ...suitesOf(isHybrid), keyPair: CLIENT_KEYS },
    new SeededRandom(CLIENT_SEED),
  );
  client.connect(START, SERVER, {
    remoteStaticPublicKey: SERVER_KEYS.publicKey,
  });
  client.connect(START, SERVER);
  return client;
}

function pollAll(endpoint: Endpoint, now: number): Uint8Array[] {
  const buffer = new Uint8Array(65_535);
  const datagrams: Uint8Array[] = [];
  for (;;) {
    const transmit = endpoint.pollTransmit(now, buffer);
    if (transmit === undefined) return datagrams;
    datagrams.push(buffer.slice(0, transmit.length));
  }
}

/**
 * What both ends of genuine handshakes say. Both draw from fixed seeds, so that
 * it is answered again when an input repeats it.
 */
interface Recording {
  readonly toServer: readonly Uint8Array[];
  readonly toClient: readonly Uint8Array[];
}

function record(isHybrid: boolean): Recording {
  const server = createServer(isHybrid);
  const client = createClient(isHybrid);
  const toServer: Uint8Array[] = [];
  const toClient: Uint8Array[] = [];
  for (let turn = 0; turn < 4; turn++) {
    for (const datagram of pollAll(client, START)) {
      toServer.push(datagram);
      server.handleDatagram(START, STRANGERS[0]!, datagram);
    }
    for (const datagram of pollAll(server, START)) {
      toClient.push(datagram);
      client.handleDatagram(START, SERVER, datagram);
    }
  }
  const clientIds = toClient.map((datagram) => datagram.slice(0, 8));
  toClient.push(
    encodeRefusal(clientIds[0]!, 1),
    encodeRefusal(clientIds[1]!, 2),
    encodeVersionNegotiation(clientIds[0]!, [2, 3]),
    encodeVersionNegotiation(clientIds[1]!, [1]),
  );
  const otherVersion = toServer[0]!.slice();
  otherVersion[33] = 2;
  toServer.push(otherVersion);
  return { toServer, toClient };
}

const recordings = new Map<boolean, Recording>();

function genuine(isServer: boolean, isHybrid: boolean): readonly Uint8Array[] {
  const recording = recordings.get(isHybrid) ?? record(isHybrid);
  recordings.set(isHybrid, recording);
  return isServer ? recording.toServer : recording.toClient;
}

/** Gives a hello the MAC and the checksum that anybody can compute. */
function repair(hello: Uint8Array): void {
  const end = hello.length - 24;
  if (end < 64) return;
  const key = hello[32 + 13] === HandshakePatternCode.XX
    ? helloMacKey()
    : helloMacKey(SERVER_KEYS.publicKey);
  hello.set(hmacSha256(key, hello.subarray(0, end)).subarray(0, 16), end);
  new DataView(hello.buffer).setBigUint64(
    end + 16,
    xxh3_64(hello.subarray(0, end + 16)),
    true,
  );
}

/** A hello that authenticates and announces these parameters. */
function craftHello(
  pattern: number,
  salt: number,
  payload: Uint8Array,
): Uint8Array {
  const isIk = pattern === HandshakePatternCode.IK;
  const head = {
    version: 1,
    connectionId: Uint8Array.of(salt, 1, 1, 1, 1, 1, 1, 0),
    pattern,
    suites: Uint8Array.of(1),
  };
  const noise = new HandshakeState({
    protocolName: `Noise_${isIk ? "IK" : "XX"}_25519_ChaChaPoly_SHA256`,
    role: "initiator",
    prologue: handshakePrologue(head),
    staticPrivateKey: CLIENT_KEYS.privateKey,
    random: new SeededRandom(salt),
    ...(isIk ? { remoteStaticPublicKey: SERVER_KEYS.publicKey } : {}),
  });
  return encodeInitiatorHello(
    { ...head, cookie: new Uint8Array(0), noise: noise.writeMessage(payload) },
    helloMacKey(isIk ? SERVER_KEYS.publicKey : undefined),
  );
}

/** An endpoint, the time, and what went to and fro. */
class World {
  readonly #endpoint: Endpoint;
  readonly #isServer: boolean;
  readonly #isHybrid: boolean;
  readonly #buffer = new Uint8Array(65_535);
  readonly #receivedBytes = new Map<string, number>();
  readonly #sentBytes = new Map<string, number>();
  readonly #proven = new Set<string>();
  readonly #words = new Set<string>();
  #now = START;

  constructor(isServer: boolean, isHybrid: boolean) {
    this.#isServer = isServer;
    this.#isHybrid = isHybrid;
    this.#endpoint = isServer ? createServer(isHybrid) : createClient(isHybrid);
    // Whom we called ourselves is no victim.
    if (!isServer) this.#proven.add(keyOf(SERVER));
    this.#drain();
  }

  /** Takes the steps, then lets time pass until nothing is left. */
  run(input: Uint8Array): string {
    const reader = new ByteReader(input);
    for (let step = 0; step < MAX_STEPS && reader.remaining > 0; step++) {
      const code = input[reader.offset]! & 7;
      this.#step(reader);
      const { connectionCount, halfOpenCount } = this.#endpoint.stats;
      this.#words.add(`step:${code}:${connectionCount}:${halfOpenCount}`);
    }
    for (let turn = 0; this.#endpoint.stats.connectionCount > 0; turn++) {
      const deadline = this.#endpoint.pollTimeout();
      require(deadline !== undefined, "what waits has a deadline");
      require(turn < MAX_TIMEOUTS, "every connection ends when all is silent");
      this.#wait(Math.max(0, deadline - this.#now));
    }
    for (const [reason, count] of Object.entries(this.#endpoint.stats.drops)) {
      this.#words.add(`drop:${reason}:${magnitudeOf(count)}`);
    }
    return [...this.#words].join(" ");
  }

  #step(reader: ByteReader): void {
    const code = reader.u8();
    const from = this.#isServer ? STRANGERS[code >>> 3 & 3]! : SERVER;
    const templates = genuine(this.#isServer, this.#isHybrid);
    const template = (): Uint8Array =>
      templates[reader.u8() % templates.length]!.slice();
    switch (code & 7) {
      case 0:
        return this.#receive(
          from,
          reader.bytes(Math.min(reader.u16(), reader.remaining)),
        );
      case 1:
      case 2: {
        const datagram = template();
        for (let count = reader.u8() & 7; count > 0; count--) {
          datagram[reader.u16() % datagram.length]! ^= reader.u8();
        }
        if ((code & 7) === 2) repair(datagram);
        return this.#receive(from, datagram);
      }
      case 3: {
        const datagram = template();
        const resized = new Uint8Array(reader.u16() % (2 * datagram.length));
        resized.set(datagram.subarray(0, resized.length));
        return this.#receive(from, resized);
      }
      case 4:
        return this.#wait(reader.u16());
      case 5: {
        if (!this.#isServer) return;
        const pattern = reader.u8() % 3;
        const salt = reader.u8();
        const payload = reader.bytes(Math.min(reader.u8(), reader.remaining));
        return this.#receive(from, craftHello(pattern, salt, payload));
      }
      case 6:
        return this.#receive(from, concat(template(), template()));
      default:
        return this.#receive(from, template());
    }
  }

  #receive(from: Address, datagram: Uint8Array): void {
    const before = datagram.slice();
    add(this.#receivedBytes, keyOf(from), datagram.length);
    this.#endpoint.handleDatagram(this.#now, from, datagram);
    require(
      datagram.every((byte, index) => byte === before[index]),
      "a datagram is borrowed, not changed",
    );
    this.#drain();
  }

  #wait(durationMs: number): void {
    this.#now += durationMs;
    this.#endpoint.handleTimeout(this.#now);
    this.#drain();
  }

  #drain(): void {
    for (
      let event = this.#endpoint.pollEvent();
      event !== undefined;
      event = this.#endpoint.pollEvent()
    ) {
      if (event.type === "connection-incoming") {
        this.#proven.add(keyOf(event.connection.remoteAddress));
        this.#words.add("incoming");
      } else if (event.event.type === "closed") {
        const { error } = event.event;
        require(error.fault !== "internal", `no bug of ours: ${error.message}`);
        this.#words.add(`closed:${error.code}`);
      } else this.#words.add(event.event.type);
    }
    for (;;) {
      const transmit = this.#endpoint.pollTransmit(this.#now, this.#buffer);
      if (transmit === undefined) break;
      const to = keyOf(transmit.to);
      this.#words.add(`sent:${magnitudeOf(transmit.length)}`);
      const sent = add(this.#sentBytes, to, transmit.length);
      require(
        this.#proven.has(to) || sent <= 3 * (this.#receivedBytes.get(to) ?? 0),
        "an address that is not proven gets three times what it sent at most",
      );
    }
    const { connectionCount, halfOpenCount } = this.#endpoint.stats;
    require(connectionCount <= MAX_CONNECTIONS, "connections are bounded");
    require(halfOpenCount <= MAX_HALF_OPEN, "half-open ones are bounded");
    require(halfOpenCount >= 0, "half-open ones are counted right");
    this.#words.add(`open:${connectionCount}:${halfOpenCount}`);
  }
}

function keyOf({ hostname, port }: Address): string {
  return `${hostname} ${port}`;
}

function add(counts: Map<string, number>, key: string, count: number): number {
  const sum = (counts.get(key) ?? 0) + count;
  counts.set(key, sum);
  return sum;
}

/** Encodes a step of a raw datagram. */
function rawStep(sender: number, datagram: Uint8Array): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(3 + datagram.length));
  writer.u8(sender << 3);
  writer.u16(datagram.length);
  writer.bytes(datagram);
  return writer.buffer;
}

function endpointTarget(isServer: boolean, isHybrid: boolean): FuzzTarget {
  const role = isServer ? "responder" : "initiator";
  const subject = isServer
    ? "an endpoint that accepts, and datagrams of four strangers"
    : "an endpoint that calls, and datagrams in the server's name";
  return {
    name: isHybrid ? `endpoint-hybrid-${role}` : `endpoint-${role}`,
    subject: isHybrid ? `${subject}; messages in two packets` : subject,
    maxLength: 4_096,
    budget: { ...DEFAULT_BUDGET, baseMs: 500, baseBytes: 64 << 20 },
    seeds: () => {
      const templates = genuine(isServer, isHybrid);
      const all = templates.map((_, index) => Uint8Array.of(7, index));
      return [
        concat(...all),
        ...all,
        // One flipped bit, with and without a MAC that fits.
        ...all.flatMap((_, index) => [
          Uint8Array.of(1, index, 1, 40, 0, 1),
          Uint8Array.of(2, index, 1, 40, 0, 1),
        ]),
        // Hellos from all four, then silence.
        Uint8Array.of(7, 0, 15, 0, 23, 0, 31, 0, 7, 1, 15, 1, 4, 0, 8),
        Uint8Array.of(5, 1, 7, 4, 6, 2, 0x40, 100, 5, 2, 8, 3, 6, 1, 10),
        rawStep(1, templates[0]!),
        rawStep(0, new Uint8Array(32)),
        Uint8Array.of(6, 0, 1, 6, 1, 1, 3, 0, 0, 4),
      ];
    },
    run: (input) => new World(isServer, isHybrid).run(input),
  };
}

/** The targets of this file. */
export const ENDPOINT_TARGETS: readonly FuzzTarget[] = [
  endpointTarget(true, false),
  endpointTarget(false, false),
  endpointTarget(true, true),
  endpointTarget(false, true),
];
