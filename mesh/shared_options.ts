/**
 * What an agent and a node are made from alike.
 *
 * @module
 */
import { CallError } from "./error.ts";
import { checkKind, checkMethods } from "./option_checks.ts";

/** Size of a key, in bytes. */
const KEY_LENGTH = 32;

/** Options of both, as somebody without types may give them. */
interface SharedOptions {
  readonly identity?: unknown;
  readonly keyPair?: unknown;
  readonly bind?: unknown;
  readonly advertise?: unknown;
  readonly transport?: unknown;
  readonly carrier?: unknown;
  readonly observe?: unknown;
  readonly clock?: unknown;
  readonly onWarning?: unknown;
  readonly limits?: unknown;
}

/**
 * Checks what can be checked before anything is opened or made.
 *
 * @param subject `Agent` or `Node`, for the error.
 * @param options What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` names the option.
 */
export function checkSharedOptions(
  subject: string,
  options: SharedOptions,
): void {
  checkKeys(subject, options);
  checkKind(`${subject}: bind`, options.bind, "string");
  checkKind(`${subject}: advertise`, options.advertise, "string");
  checkKind(`${subject}: transport`, options.transport, "object");
  checkMethods(`${subject}: carrier`, options.carrier, ["start", "send"]);
  checkKind(`${subject}: observe`, options.observe, "function");
  checkMethods(`${subject}: clock`, options.clock, ["now", "schedule"]);
  checkKind(`${subject}: onWarning`, options.onWarning, "function");
  checkKind(`${subject}: limits`, options.limits, "object");
}

/** What holds no keys would become a new pair, and nobody knew the agent again. */
function checkKeys(
  subject: string,
  { identity, keyPair }: SharedOptions,
): void {
  if (identity !== undefined && keyPair !== undefined) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `${subject}: identity and keyPair say the same: give one`,
    );
  }
  if (identity !== undefined && !isKeyPair(fieldOf(identity, "keyPair"))) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `${subject}: identity must be what loadIdentity() gives`,
    );
  }
  if (keyPair !== undefined && !isKeyPair(keyPair)) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `${subject}: keyPair must hold two keys of ${KEY_LENGTH} bytes`,
    );
  }
}

function isKeyPair(value: unknown): boolean {
  return isKey(fieldOf(value, "publicKey")) &&
    isKey(fieldOf(value, "privateKey"));
}

function isKey(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === KEY_LENGTH;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
