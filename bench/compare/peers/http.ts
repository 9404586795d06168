/**
 * HTTP with the runtime's own server and client: plain it is HTTP/1.1, over TLS
 * what the two agree on, HTTP/2. A call is a POST, messages one way are the
 * chunks of one response, with their length before each.
 *
 * @module
 */
import { createHttpClient, serveHttp } from "../deno_http.ts";
import type {
  PeerConnection,
  PeerContext,
  PeerDriver,
  SetUp,
  StreamRequest,
} from "../driver.ts";
import { Deframer, frame } from "../framing.ts";
import { runPeer } from "../peer_main.ts";

/** Bytes of a response that wait for the network. */
const BUFFER_BYTES: number = 256 * 1024;

function messagesAsBody({ count, bytes }: StreamRequest): ReadableStream {
  const message = new Uint8Array(bytes).fill(7);
  let left = count;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      while (left > 0 && (controller.desiredSize ?? 0) > 0) {
        controller.enqueue(frame(message));
        left--;
      }
      if (left === 0) controller.close();
    },
  }, new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }));
}

async function answer(request: Request): Promise<Response> {
  if (request.method === "POST") {
    return new Response(await request.arrayBuffer());
  }
  const { searchParams } = new URL(request.url);
  const count = Number(searchParams.get("count"));
  const bytes = Number(searchParams.get("bytes"));
  return new Response(messagesAsBody({ count, bytes }));
}

class HttpConnection implements PeerConnection {
  readonly #client: Deno.HttpClient;
  readonly #url: string;

  constructor(client: Deno.HttpClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  async call(payload: Uint8Array): Promise<Uint8Array> {
    const response = await fetch(this.#url, {
      method: "POST",
      body: payload as BodyInit,
      client: this.#client,
    });
    return await response.bytes();
  }

  async stream(
    { count, bytes }: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    const url = `${this.#url}?count=${count}&bytes=${bytes}`;
    const { body } = await fetch(url, { client: this.#client });
    const deframer = new Deframer(onMessage);
    for await (const chunk of body!) deframer.push(chunk);
  }

  close(): void {
    this.#client.close();
  }
}

function urlOf({ certificate }: PeerContext, address: string): string {
  return `${certificate ? "https" : "http"}://127.0.0.1:${address}/`;
}

/** Keeps the TLS sessions that are resumed, but no connection. */
let sharedClient: Deno.HttpClient | undefined;

const driver: PeerDriver = {
  setUpKinds: ["fresh", "resumed"],
  startServer: (context) => serveHttp(context, answer),
  connect: (context, address) =>
    Promise.resolve(
      // A client of its own has connections of its own.
      new HttpConnection(createHttpClient(context), urlOf(context, address)),
    ),
  setUp(context, address, kind): Promise<SetUp | undefined> {
    // Without TLS there is nothing to resume.
    if (kind === "resumed" && !context.certificate) {
      return Promise.resolve(undefined);
    }
    const client = kind === "fresh"
      ? createHttpClient(context)
      : sharedClient ??= createHttpClient(context, { poolMaxIdlePerHost: 0 });
    const connection = new HttpConnection(client, urlOf(context, address));
    return Promise.resolve({
      firstAnswer: (payload) => connection.call(payload),
      close: () => kind === "fresh" ? connection.close() : undefined,
    });
  },
};

runPeer(driver);
