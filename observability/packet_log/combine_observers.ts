/**
 * Several observers in the place of one.
 *
 * @module
 */
import type {
  ConnectionObserver,
  EndpointObserver,
} from "../../transport/mod.ts";

/**
 * Makes one observer of several. It has the methods that at least one of them
 * has: what nobody wants to know still costs nothing.
 *
 * @param observers Called in this order.
 * @returns The observer.
 */
export function combineObservers(
  observers: readonly EndpointObserver[],
): EndpointObserver {
  if (observers.length === 1) return observers[0]!;
  const wanting = <Name extends keyof EndpointObserver>(
    name: Name,
  ): readonly EndpointObserver[] =>
    observers.filter((observer) => observer[name] !== undefined);
  const connection = wanting("onConnection");
  const rebound = wanting("onRebound");
  const sent = wanting("onDatagramSent");
  const received = wanting("onDatagramReceived");
  const stray = wanting("onStrayPacket");
  const closed = wanting("onClosed");
  const secret = wanting("onSecret");
  return {
    ...(connection.length > 0 && {
      onConnection: (now, connectionInfo) =>
        combineConnectionObservers(
          connection.map((each) => each.onConnection!(now, connectionInfo)),
        ),
    }),
    ...(rebound.length > 0 && {
      onRebound: (local) => {
        for (const each of rebound) each.onRebound!(local);
      },
    }),
    ...(sent.length > 0 && {
      onDatagramSent: (now, to, datagram) => {
        for (const each of sent) each.onDatagramSent!(now, to, datagram);
      },
    }),
    ...(received.length > 0 && {
      onDatagramReceived: (now, from, datagram) => {
        for (const each of received) {
          each.onDatagramReceived!(now, from, datagram);
        }
      },
    }),
    ...(stray.length > 0 && {
      onStrayPacket: (now, packet) => {
        for (const each of stray) each.onStrayPacket!(now, packet);
      },
    }),
    ...(closed.length > 0 && {
      onClosed: () => {
        for (const each of closed) each.onClosed!();
      },
    }),
    ...(secret.length > 0 && {
      onSecret: (value) => {
        for (const each of secret) each.onSecret!(value);
      },
    }),
  };
}

function combineConnectionObservers(
  all: readonly (ConnectionObserver | undefined)[],
): ConnectionObserver | undefined {
  const observers = all.filter((observer) => observer !== undefined);
  if (observers.length < 2) return observers[0];
  return {
    onEvent: (now, event) => {
      for (const observer of observers) observer.onEvent(now, event);
    },
  };
}
