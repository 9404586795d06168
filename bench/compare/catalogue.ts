/**
 * The peers: what each is, and what it needs to be on the machine.
 *
 * @module
 */

/** A program that stands between the two processes. */
export interface Broker {
  /** Name of the program. */
  readonly program: string;
  /** Argument that makes it print its version. */
  readonly versionArgument: string;
  /**
   * Whether the peer does without it.
   *
   * @default {false}
   */
  readonly isOptional?: boolean;
  /** Its arguments for a port on 127.0.0.1; `file` is one of its own to write to. */
  readonly start: (port: number, file: string) => readonly string[];
  /** What that file has to hold, if it reads one. */
  readonly configuration?: (port: number) => string;
}

/** One peer. */
export interface Peer {
  /** Short, for the head of a column and `--only`. */
  readonly name: string;
  /** For a person. */
  readonly title: string;
  /** Its file in `peers/`. */
  readonly file: string;
  /** Where it is at home. */
  readonly runtime: "deno" | "node";
  /** What protects its bytes on the way. */
  readonly protection: "none" | "Noise" | "TLS";
  /** Packages of `packages/deno.json`. */
  readonly packages?: readonly string[];
  /** Its broker. */
  readonly broker?: Broker;
  /**
   * Whether it may call libraries of the system.
   *
   * @default {false}
   */
  readonly isFfiGranted?: boolean;
}

const NATS_SERVER: Broker = {
  program: "nats-server",
  versionArgument: "--version",
  start: (port) => ["--addr", "127.0.0.1", "--port", String(port)],
};

const MOSQUITTO: Broker = {
  program: "mosquitto",
  versionArgument: "-h",
  isOptional: true,
  start: (_port, file) => ["-c", file],
  configuration: (port) =>
    [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      // What is lost on the way would have to be sent again by somebody.
      "max_queued_messages 0",
      "set_tcp_nodelay true",
      "persistence false",
      "log_type none",
      "",
    ].join("\n"),
};

/** All peers, in the order of the columns: the first is what ratios refer to. */
export const PEERS: readonly Peer[] = [
  {
    name: "raw",
    title: "raw UDP, Deno",
    file: "raw.ts",
    runtime: "deno",
    protection: "none",
  },
  {
    name: "mxp",
    title: "@mxp/core, Deno",
    file: "mxp.ts",
    runtime: "deno",
    protection: "Noise",
  },
  {
    name: "quic",
    title: "QUIC, Deno",
    file: "quic.ts",
    runtime: "deno",
    protection: "TLS",
  },
  {
    name: "wss-node",
    title: "WebSocket over TLS, ws in Node",
    file: "websocket_node.ts",
    runtime: "node",
    protection: "TLS",
    packages: ["ws"],
  },
  {
    name: "wss",
    title: "WebSocket over TLS, Deno",
    file: "websocket.ts",
    runtime: "deno",
    protection: "TLS",
  },
  {
    name: "https",
    title: "HTTPS (HTTP/2), Deno",
    file: "http.ts",
    runtime: "deno",
    protection: "TLS",
  },
  {
    name: "grpc",
    title: "gRPC over TLS, grpc-js in Node",
    file: "grpc.ts",
    runtime: "node",
    protection: "TLS",
    packages: ["@grpc/grpc-js", "protobufjs"],
  },
  {
    name: "ws",
    title: "WebSocket, Deno",
    file: "websocket.ts",
    runtime: "deno",
    protection: "none",
  },
  {
    name: "http",
    title: "HTTP/1.1, Deno",
    file: "http.ts",
    runtime: "deno",
    protection: "none",
  },
  {
    name: "zeromq",
    title: "ZeroMQ, zeromq in Node",
    file: "zeromq.ts",
    runtime: "node",
    protection: "none",
    packages: ["zeromq"],
  },
  {
    name: "nats",
    title: "NATS, nats-server and nats.js in Node",
    file: "nats.ts",
    runtime: "node",
    protection: "none",
    packages: ["@nats-io/transport-node"],
    broker: NATS_SERVER,
  },
  {
    name: "mqtt",
    title: "MQTT, Mosquitto or aedes and mqtt.js in Node",
    file: "mqtt.ts",
    runtime: "node",
    protection: "none",
    packages: ["mqtt", "aedes"],
    broker: MOSQUITTO,
  },
  {
    name: "mxp-ffi",
    title: "@mxp/core with --allow-ffi, Deno",
    file: "mxp.ts",
    runtime: "deno",
    protection: "Noise",
    isFfiGranted: true,
  },
];

/** Name of the peer that the others are divided by. */
export const REFERENCE = "raw";

/** Name of our own. */
export const OURS = "mxp";
