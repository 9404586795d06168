/**
 * Checks of what a transport is given: programs without types give other things as
 * well, which would be found out when sockets and timers run already.
 *
 * @module
 */
import { TransportError } from "./core/error.ts";

/** What the options of `Transport.bind` are that nothing below it checks. */
const BIND_TYPES = {
  hostname: "string",
  accept: "boolean",
  config: "object",
  carrier: "object",
  clock: "function",
  random: "object",
  onConnection: "function",
  observe: "function",
  onWarning: "function",
} as const;

/**
 * Checks the options of `Transport.bind`.
 *
 * @param options What the user gave.
 * @throws {TransportError} `INVALID_CONFIG` names the option.
 */
export function checkBindOptions(
  options: { readonly [Name in keyof typeof BIND_TYPES]?: unknown },
): void {
  requireType("Bind: options", options, "object");
  for (const [name, type] of Object.entries(BIND_TYPES)) {
    const value = options[name as keyof typeof BIND_TYPES];
    if (value !== undefined) requireType(`Bind: ${name}`, value, type);
  }
}

/**
 * Checks the options of `Transport.connect` that nothing below it checks.
 *
 * @param options What the user gave.
 * @throws {TransportError} `INVALID_CONFIG` names the option.
 */
export function checkConnectOptions(
  options: {
    readonly remoteStaticPublicKey?: unknown;
    readonly onEarly?: unknown;
    readonly signal?: AbortSignal;
  },
): void {
  requireType("Connect: options", options, "object");
  const { remoteStaticPublicKey: key, onEarly, signal } = options;
  // A text would be copied as the numbers that its letters stand for.
  if (key !== undefined && !(key instanceof Uint8Array)) {
    throw invalid("Connect: remoteStaticPublicKey must be bytes");
  }
  if (onEarly !== undefined) {
    requireType("Connect: onEarly", onEarly, "function");
  }
  // It may be of another realm, or another library.
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw invalid("Connect: signal must be an AbortSignal");
  }
}

function requireType(option: string, value: unknown, type: string): void {
  if (typeof value === type && value !== null) return;
  throw invalid(`${option} must be of the type ${type}`);
}

function invalid(message: string): TransportError {
  return new TransportError("INVALID_CONFIG", message);
}
