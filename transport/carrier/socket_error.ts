/**
 * What the errors of UDP sockets mean, in one place for every runtime.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import { TransportError } from "../core/error.ts";

/** The system's name of an error, such as `EMSGSIZE`, if it has one. */
function systemCode(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

function detail(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * Why a socket could not be bound.
 *
 * @param thrown What the runtime threw.
 * @param address Where it should have been bound.
 * @returns `ADDRESS_IN_USE` or `BIND_FAILED`.
 */
export function bindError(thrown: unknown, address: Address): TransportError {
  const place = formatAddress(address);
  if (systemCode(thrown) === "EADDRINUSE") {
    return new TransportError(
      "ADDRESS_IN_USE",
      `Bind: ${place} is taken by another socket`,
      { cause: thrown },
    );
  }
  return new TransportError(
    "BIND_FAILED",
    `Bind: ${place} cannot be used (${detail(thrown)})`,
    { cause: thrown },
  );
}

/**
 * Whether a failed send is more than one lost datagram.
 *
 * @param thrown What the runtime threw.
 * @param to Where the datagram should have gone.
 * @param lengthBytes Its size.
 * @returns The error to report, or `undefined` for an ordinary loss: a full
 * buffer, an unreachable network, a refused port.
 */
export function sendError(
  thrown: unknown,
  to: Address,
  lengthBytes: number,
): TransportError | undefined {
  switch (systemCode(thrown)) {
    case "EMSGSIZE":
    case "WSAEMSGSIZE":
      return datagramTooLarge(lengthBytes, to, thrown);
    case "EAFNOSUPPORT":
    case "EACCES":
    case "EPERM":
      return forbidden(thrown, to);
  }
  // Deno throws this class when a permission is missing; it has no code.
  return thrown instanceof Error && thrown.name === "NotCapable"
    ? forbidden(thrown, to)
    : undefined;
}

/**
 * A datagram that cannot be sent in one piece.
 *
 * @param lengthBytes Its size.
 * @param to Where it should have gone.
 * @param cause What the runtime threw, if it was asked.
 * @returns A `DATAGRAM_TOO_LARGE`.
 */
export function datagramTooLarge(
  lengthBytes: number,
  to: Address,
  cause?: unknown,
): TransportError {
  return new TransportError(
    "DATAGRAM_TOO_LARGE",
    `Send: ${lengthBytes} bytes do not fit the path to ${formatAddress(to)}`,
    { fault: "network", cause },
  );
}

/**
 * Reception that failed for good, or a handler that threw.
 *
 * @param thrown What was thrown.
 * @param subject What failed.
 * @returns A `CARRIER_FAILED` that keeps it.
 */
export function carrierError(thrown: unknown, subject: string): TransportError {
  return new TransportError("CARRIER_FAILED", `${subject}: ${detail(thrown)}`, {
    cause: thrown,
    fault: "internal",
  });
}

function forbidden(thrown: unknown, to: Address): TransportError {
  return new TransportError(
    "CARRIER_FAILED",
    `Send: this process may not send to ${formatAddress(to)} (${
      detail(thrown)
    })`,
    { cause: thrown, fault: "caller" },
  );
}
