/**
 * Keeps an observer's mistakes away from the state machines.
 *
 * @module
 */
import type { ConnectionObserver, EndpointObserver } from "./core/observer.ts";

/**
 * Makes an observer that never throws.
 *
 * @param observer May throw: from then on it is not called any more.
 * @param onError Called with what was thrown, once.
 * @returns An observer with the methods that the given one has.
 */
export function guardObserver(
  observer: EndpointObserver,
  onError: (error: unknown) => void,
): EndpointObserver {
  let isBroken = false;
  const guard = <Result>(call: () => Result): Result | undefined => {
    if (isBroken) return undefined;
    try {
      return call();
    } catch (error) {
      isBroken = true;
      onError(error);
      return undefined;
    }
  };
  const guardConnection = (
    connection: ConnectionObserver | undefined,
  ): ConnectionObserver | undefined =>
    connection && {
      onEvent: (now, event) => guard(() => connection.onEvent(now, event)),
    };
  return {
    ...(observer.onConnection && {
      onConnection: (now, connection) =>
        guardConnection(guard(() => observer.onConnection!(now, connection))),
    }),
    ...(observer.onRebound && {
      onRebound: (local) => guard(() => observer.onRebound!(local)),
    }),
    ...(observer.onDatagramSent && {
      onDatagramSent: (now, to, datagram) =>
        guard(() => observer.onDatagramSent!(now, to, datagram)),
    }),
    ...(observer.onDatagramReceived && {
      onDatagramReceived: (now, from, datagram) =>
        guard(() => observer.onDatagramReceived!(now, from, datagram)),
    }),
    ...(observer.onStrayPacket && {
      onStrayPacket: (now, packet) =>
        guard(() => observer.onStrayPacket!(now, packet)),
    }),
    ...(observer.onClosed && {
      onClosed: () => guard(() => observer.onClosed!()),
    }),
    ...(observer.onSecret && {
      onSecret: (secret) => guard(() => observer.onSecret!(secret)),
    }),
  };
}
