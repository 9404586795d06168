import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { MAX_UDP_PAYLOAD_BYTES } from "./config.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import { EndpointTrace } from "./endpoint_trace.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import type { EndpointObserver } from "./observer.ts";
import { localTransportParameters } from "./transport_parameters.ts";

const ADDRESS = { hostname: "10.0.0.1", port: 9 };
const ID = Uint8Array.of(0, 1, 2, 3, 4, 5, 0xab, 0xcd);

function createHandshake(): InitiatorHandshake {
  const random = new SeededRandom(1);
  const config = createEndpointConfig({ keyPair: generateKeyPair(random) });
  const { keyPair, suites } = config;
  const parameters = localTransportParameters(config, MAX_UDP_PAYLOAD_BYTES);
  const options = { keyPair, suites, random, parameters, provider: undefined };
  return new InitiatorHandshake(options, ID, undefined);
}

/** Keeps every call as text. */
function record(
  isWatched: boolean,
): { readonly observer: EndpointObserver; readonly calls: string[] } {
  const calls: string[] = [];
  const observer: EndpointObserver = {
    onConnection: (now, { isInitiator, initiatorConnectionId }) => {
      calls.push(`${now} begins ${isInitiator} ${initiatorConnectionId}`);
      return isWatched
        ? { onEvent: (at, { type }) => calls.push(`${at} ${type}`) }
        : undefined;
    },
    onDatagramSent: (now, to, datagram) =>
      calls.push(`${now} sent ${to.port} ${datagram.join()}`),
    onDatagramReceived: (now, from, datagram) =>
      calls.push(`${now} received ${from.port} ${datagram.join()}`),
    onStrayPacket: (now, { from, reason, lengthBytes }) =>
      calls.push(`${now} ${reason} ${from.port} ${lengthBytes}`),
  };
  return { observer, calls };
}

Deno.test("EndpointTrace tells of datagrams, and of what is dropped at the time of the last call", () => {
  const { observer, calls } = record(false);
  const trace = new EndpointTrace(observer);
  trace.datagramReceived(5, ADDRESS, Uint8Array.of(1, 2));
  trace.strayDropped("malformed", ADDRESS, 2);
  trace.setTime(6);
  trace.datagramSent(6, ADDRESS, Uint8Array.of(3, 4, 5), 1);
  trace.strayDropped("unknown-connection", ADDRESS, 7);
  assert.deepEqual(calls, [
    "5 received 9 1,2",
    "5 malformed 9 2",
    "6 sent 9 3",
    "6 unknown-connection 9 7",
  ]);
});

Deno.test("EndpointTrace.of() is the trace of a connection that somebody watches, until it is forgotten", () => {
  const { observer, calls } = record(true);
  const trace = new EndpointTrace(observer);
  const [connection, other] = [{}, {}];
  const beginning = {
    handshake: createHandshake(),
    connectionId: ID,
    remoteAddress: ADDRESS,
  };
  trace.add(connection, trace.begin(3, beginning)!);
  trace.of(connection)!.packetDropped("malformed", 1);
  assert.equal(trace.of(other), undefined);
  trace.setTime(4);
  trace.of(connection)!.packetDropped("malformed", 1);
  assert.deepEqual(calls, [
    "3 begins true 000102030405abcd",
    "3 packet-dropped",
    "4 packet-dropped",
  ]);
  trace.forget(connection);
  assert.equal(trace.of(connection), undefined);
});

Deno.test("EndpointTrace makes nothing for an observer that does not want it", () => {
  const beginning = {
    handshake: createHandshake(),
    connectionId: ID,
    remoteAddress: ADDRESS,
  };
  assert.equal(
    new EndpointTrace(record(false).observer).begin(0, beginning),
    undefined,
  );
  const silent = new EndpointTrace({});
  assert.equal(silent.begin(0, beginning), undefined);
  assert.equal(silent.onSecret, undefined);
  silent.datagramReceived(0, ADDRESS, ID);
  silent.datagramSent(0, ADDRESS, ID, 8);
  silent.strayDropped("malformed", ADDRESS, 8);
});

Deno.test("EndpointTrace.onSecret keeps the observer as its this", () => {
  class Keeper implements EndpointObserver {
    readonly labels: string[] = [];
    onSecret({ label }: { readonly label: string }): void {
      this.labels.push(label);
    }
  }
  const keeper = new Keeper();
  new EndpointTrace(keeper).onSecret!({
    label: "initiator-traffic",
    cipher: "chacha20-poly1305",
    connectionId: "000102030405abcd",
    secret: new Uint8Array(32),
  });
  assert.deepEqual(keeper.labels, ["initiator-traffic"]);
});
