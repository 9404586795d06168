/**
 * Addresses of nodes and agents: `mxp://host:port/agent-id?pk=key`.
 *
 * ```text
 * url   = "mxp://" host [":" port] ["/" [agent]] ["?" query]
 * host  = a DNS name, an IPv4 address, or an IPv6 address in brackets
 * port  = 1 to 65535; 9000 when absent
 * agent = one percent-encoded path segment: an agent id or a name
 * query = parameters as in a web URL; "pk" is the node's public key,
 *         43 characters of base64url; others are ignored
 * ```
 *
 * Spec: docs/spec/messages.md, "Addresses".
 *
 * @module
 */
import { DEFAULT_PORT, PUBLIC_KEY_LENGTH } from "./constants.ts";
import { ProtocolError } from "./error.ts";

/** The parts of an `mxp://` URL. */
export interface MxpUrl {
  /** DNS name in lower case (IDNA), IPv4 address, or IPv6 address without brackets. */
  readonly hostname: string;
  /** UDP port, 1 to 65535. */
  readonly port: number;
  /** Agent id or name, percent-decoded. */
  readonly agentId?: string;
  /** Public key that the node must prove to own, 32 bytes. */
  readonly publicKey?: Uint8Array;
}

/** Longest URL that is looked at, in characters. */
export const MAX_URL_LENGTH = 2048;

const HOST_SOURCE = String.raw`\[[0-9a-f:.]+\]|[^\s/?#:@\\[\]]+`;

const HOST_PATTERN = new RegExp(`^(?:${HOST_SOURCE})$`, "i");

const URL_PATTERN = new RegExp(
  String.raw`^mxp://(${HOST_SOURCE})(?::([0-9]{1,5}))?` +
    String.raw`(?:/([^\s/?#\\]*))?(?:\?([^\s#]*))?$`,
  "i",
);

/** 43 characters hold 258 bits: the last two are 0 in the one valid spelling. */
const KEY_PATTERN = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Reads an `mxp://` URL.
 *
 * @param text The URL.
 * @returns Its parts, owned by the caller.
 * @throws {ProtocolError} `INVALID_URL`, with one line that says what is wrong.
 *
 * @example Usage
 * ```ts
 * import { parseMxpUrl } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const url = parseMxpUrl("mxp://localhost/summarizer");
 * assert.equal(url.port, 9000);
 * assert.equal(url.agentId, "summarizer");
 * ```
 */
export function parseMxpUrl(text: string): MxpUrl {
  if (typeof text !== "string") throw invalidUrl("is not text");
  if (text.length > MAX_URL_LENGTH) {
    throw invalidUrl(`${text.length} characters are above ${MAX_URL_LENGTH}`);
  }
  const match = URL_PATTERN.exec(text);
  if (match === null) throw invalidUrl(flawOf(text));
  const [, host = "", portText, agentText, query] = match;
  const hostname = canonicalHost(host);
  if (hostname === undefined) {
    throw invalidUrl("host is neither a name nor an address");
  }
  const port = portText === undefined ? DEFAULT_PORT : Number(portText);
  if (port < 1 || port > 65535) {
    throw invalidUrl(`port ${port} is not from 1 to 65535`);
  }
  const agentId = agentText ? percentDecode(agentText) : undefined;
  const publicKey = query ? parseQuery(query) : undefined;
  return {
    hostname,
    port,
    ...(agentId === undefined ? {} : { agentId }),
    ...(publicKey === undefined ? {} : { publicKey }),
  };
}

/**
 * Writes an `mxp://` URL. The port is always written.
 *
 * @param url Its parts.
 * @returns The URL in its one canonical spelling.
 * @throws {ProtocolError} `INVALID_VALUE` for a host that is none, a port out
 * of range, an empty or not well-formed agent id, or a key that is not 32 bytes.
 */
export function formatMxpUrl(url: MxpUrl): string {
  const { hostname, port, agentId, publicKey } = url;
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw invalidValue(`port ${port} is not from 1 to 65535`);
  }
  if (publicKey !== undefined && publicKey.length !== PUBLIC_KEY_LENGTH) {
    throw invalidValue(
      `public key needs ${PUBLIC_KEY_LENGTH} bytes, got ${publicKey.length}`,
    );
  }
  if (agentId !== undefined && (agentId === "" || !agentId.isWellFormed())) {
    throw invalidValue("agent id is empty or holds half a surrogate pair");
  }
  const host = bracket(hostname);
  const canonical = HOST_PATTERN.test(host) ? canonicalHost(host) : undefined;
  if (canonical === undefined) {
    throw invalidValue("host is neither a name nor an address");
  }
  const path = agentId === undefined ? "" : `/${encodeURIComponent(agentId)}`;
  const query = publicKey === undefined ? "" : `?pk=${formatKey(publicKey)}`;
  const text = `mxp://${bracket(canonical)}:${port}${path}${query}`;
  if (text.length > MAX_URL_LENGTH) {
    throw invalidValue(`${text.length} characters are above ${MAX_URL_LENGTH}`);
  }
  return text;
}

/** What is wrong with a text that is no URL at all. */
function flawOf(text: string): string {
  if (!/^mxp:\/\//i.test(text)) return "does not start with mxp://";
  if (/^mxp:\/\/\[[^\]/?#]*%/i.test(text)) {
    return "host has a zone (%), which only its own machine understands; use an address without one, or a name";
  }
  return "is not mxp://host:port/agent-id";
}

function bracket(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/**
 * Lets the runtime judge and normalise a host, as it would for a web address.
 * Returns undefined for what it refuses.
 */
function canonicalHost(host: string): string | undefined {
  try {
    const { hostname } = new URL(`http://${host}/`);
    return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  } catch {
    return undefined;
  }
}

function percentDecode(text: string): string {
  // Half a surrogate pair passes the decoder, but no address can be written of it.
  if (!text.isWellFormed()) {
    throw invalidUrl("agent id holds half a surrogate pair");
  }
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUrl("agent id is not percent-encoded UTF-8");
  }
}

function parseQuery(query: string): Uint8Array | undefined {
  const keys = new URLSearchParams(query).getAll("pk");
  if (keys.length > 1) throw invalidUrl("pk comes twice");
  return keys[0] === undefined ? undefined : parseKey(keys[0]);
}

function parseKey(text: string): Uint8Array {
  if (!KEY_PATTERN.test(text)) {
    throw invalidUrl("pk is not 32 bytes as 43 characters of base64url");
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function formatKey(key: Uint8Array): string {
  return btoa(String.fromCharCode(...key))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function invalidUrl(detail: string): ProtocolError {
  return new ProtocolError("INVALID_URL", `URL: ${detail}`);
}

function invalidValue(detail: string): ProtocolError {
  return new ProtocolError("INVALID_VALUE", `URL: ${detail}`);
}
