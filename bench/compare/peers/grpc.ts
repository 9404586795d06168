/**
 * gRPC over TLS with `@grpc/grpc-js` in Node: unary calls, and a server's
 * stream for messages one way. The payloads are bytes, so that no time goes
 * into Protocol Buffers, which are measured by themselves.
 *
 * @module
 */
import type {
  PeerConnection,
  PeerContext,
  PeerDriver,
  PeerServer,
  StreamRequest,
} from "../driver.ts";
import { loadPackage } from "../load_package.ts";
import { encodeStreamRequest, handleRequest } from "../message_session.ts";
import { createPayload } from "../metrics/call_load.ts";
import { runPeer } from "../peer_main.ts";

/** What is used of the package. */
interface GrpcModule {
  readonly Server: new () => GrpcServer;
  readonly Client: new (
    address: string,
    credentials: object,
    options: object,
  ) => GrpcClient;
  readonly ServerCredentials: {
    createSsl(authority: null, pairs: object[]): object;
  };
  readonly credentials: { createSsl(authority: Uint8Array): object };
}

interface GrpcServer {
  addService(service: object, handlers: object): void;
  bindAsync(
    address: string,
    credentials: object,
    done: (error: Error | null, port: number) => void,
  ): void;
  forceShutdown(): void;
}

type Identity = (bytes: Uint8Array) => Uint8Array;

interface GrpcClient {
  makeUnaryRequest(
    path: string,
    serialize: Identity,
    deserialize: Identity,
    request: Uint8Array,
    done: (error: Error | null, answer: Uint8Array) => void,
  ): void;
  makeServerStreamRequest(
    path: string,
    serialize: Identity,
    deserialize: Identity,
    request: Uint8Array,
  ): GrpcReadable;
  close(): void;
}

interface GrpcReadable {
  on(event: "data", listener: (message: Uint8Array) => void): this;
  on(event: "end", listener: () => void): this;
  on(event: "error", listener: (error: Error) => void): this;
}

interface GrpcWritable {
  readonly request: Uint8Array;
  write(message: Uint8Array): boolean;
  once(event: "drain", listener: () => void): void;
  end(): void;
}

interface ProtobufModule {
  parse(source: string): {
    readonly root: {
      lookupType(name: string): {
        create(properties: object): object;
        encode(message: object): { finish(): Uint8Array };
        decode(bytes: Uint8Array): object;
      };
    };
  };
}

const ECHO = "/bench.Peer/Echo";
const MESSAGES = "/bench.Peer/Messages";
const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024;

const grpc = await loadPackage<GrpcModule>("@grpc/grpc-js");

/** The package wants `Buffer`s, as Node does. */
const same: Identity = (bytes) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function method(path: string, responseStream: boolean): object {
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

async function sendMessages(
  call: GrpcWritable,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const message = Buffer.alloc(bytes, 7);
  for (let index = 0; index < count; index++) {
    if (!call.write(message)) {
      await new Promise<void>((resolve) => call.once("drain", resolve));
    }
  }
  call.end();
}

async function startServer({ certificate }: PeerContext): Promise<PeerServer> {
  const server = new grpc.Server();
  server.addService({
    echo: method(ECHO, false),
    messages: method(MESSAGES, true),
  }, {
    echo: (
      call: { readonly request: Uint8Array },
      done: (error: null, answer: Uint8Array) => void,
    ) => done(null, call.request),
    messages: (call: GrpcWritable) =>
      handleRequest(call.request, {
        answer: () => {},
        stream: (request) => void sendMessages(call, request),
      }),
  });
  const credentials = grpc.ServerCredentials.createSsl(null, [{
    cert_chain: Buffer.from(certificate!.certificate),
    private_key: Buffer.from(certificate!.privateKey),
  }]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    })
  );
  return { address: String(port), close: () => server.forceShutdown() };
}

class GrpcConnection implements PeerConnection {
  readonly #client: GrpcClient;

  constructor({ certificate }: PeerContext, address: string) {
    this.#client = new grpc.Client(
      `localhost:${address}`,
      grpc.credentials.createSsl(Buffer.from(certificate!.authority)),
      {
        // Otherwise clients of one address share their connections.
        "grpc.use_local_subchannel_pool": 1,
        "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
      },
    );
  }

  call(payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) =>
      this.#client.makeUnaryRequest(
        ECHO,
        same,
        same,
        payload,
        (error, answer) => {
          if (error === null) resolve(answer);
          else reject(error);
        },
      )
    );
  }

  stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    const encoded = encodeStreamRequest(request);
    return new Promise((resolve, reject) =>
      this.#client.makeServerStreamRequest(MESSAGES, same, same, encoded)
        .on("data", onMessage)
        .on("end", resolve)
        .on("error", reject)
    );
  }

  close(): void {
    this.#client.close();
  }
}

const driver: PeerDriver = {
  startServer,
  connect: (context, address) =>
    Promise.resolve(new GrpcConnection(context, address)),
  async createCodec() {
    const protobuf = await loadPackage<{ default: ProtobufModule }>(
      "protobufjs",
    );
    const type = protobuf.default.parse(`
      syntax = "proto3";
      message Message {
        uint32 type = 1;
        uint32 flags = 2;
        fixed64 messageId = 3;
        fixed64 traceId = 4;
        bytes payload = 5;
      }
    `).root.lookupType("Message");
    const message = type.create({
      type: 0x10,
      flags: 0,
      messageId: 0x0123_4567,
      traceId: 0x7654_3210,
      payload: createPayload(),
    });
    const encoded = type.encode(message).finish();
    return {
      encode: () => void type.encode(message).finish(),
      decode: () => void type.decode(encoded),
    };
  },
};

runPeer(driver);
