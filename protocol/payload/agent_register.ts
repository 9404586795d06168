/**
 * Payload of an `AgentRegister` message (type `0x01`).
 *
 * ```text
 * offset  size  field            encoding
 *      0    16  agentId          the bytes of a UUID
 *     16     2  nameLength       u16, little-endian
 *     18     n  name             UTF-8
 *   18+n     2  capabilityCount  u16, little-endian
 *   20+n     c  capabilities     each a u16 length and UTF-8
 * 20+n+c     4  address          IPv4, network order; all 0: not known here
 * 24+n+c     2  port             u16, little-endian
 * 26+n+c     e  extensions       one after the other, to the end of the payload
 *
 * extension  value
 *         1  static public key   32 bytes
 *         2  IPv6 endpoint       16 bytes in network order, port u16
 *         3  time to live        u32, milliseconds
 *         4  tag                 UTF-8; one for each tag
 *         5  metadata            keyLength u16, key, value; one for each pair
 *         6  advertised address  UTF-8, "host:port"
 * ```
 *
 * The fixed fields are those of the first public implementation; a decoder that
 * knows only them ignores what follows.
 *
 * Spec: docs/spec/messages.md, "0x01 AgentRegister".
 *
 * @module
 */
import { AGENT_ID_LENGTH, PUBLIC_KEY_LENGTH } from "../constants.ts";
import {
  checkExtensionCount,
  type Extension,
  EXTENSION_HEAD_LENGTH,
  extensionsLength,
  readExtensions,
  writeExtensions,
} from "../extension.ts";
import { MetadataCollector, writeMetadata } from "../metadata.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** Extension types of a registration. */
export const RegisterExtension = {
  /** X25519 public key of the agent, 32 bytes. */
  STATIC_PUBLIC_KEY: 1,
  /** IPv6 address and port, 18 bytes. */
  IPV6_ENDPOINT: 2,
  /** How long the registration holds without a heartbeat, u32 milliseconds. */
  TIME_TO_LIVE: 3,
  /** One tag, UTF-8; repeated. */
  TAG: 4,
  /** One pair of metadata; repeated. */
  METADATA: 5,
  /** Where the agent says it can be reached, UTF-8. */
  ADVERTISED_ADDRESS: 6,
} as const;

/** An address and a port. */
export interface RegisterEndpoint {
  /** Network order: 4 bytes for IPv4, 16 for IPv6. */
  readonly address: Uint8Array;
  /** UDP port, 0 to 65535. */
  readonly port: number;
}

/** An agent as it describes itself. */
export interface AgentRegisterPayload {
  /** Who it is, 16 bytes. */
  readonly agentId: Uint8Array;
  /** What it is called, at most 65,535 bytes of UTF-8. */
  readonly name: string;
  /** What it can do: at most 65,535, each at most 65,535 bytes of UTF-8. */
  readonly capabilities: readonly string[];
  /** Where it is: an IPv4 address of 4 bytes, all 0 when there is none. */
  readonly endpoint: RegisterEndpoint;
  /** X25519 public key that its transport proves, 32 bytes. */
  readonly staticPublicKey?: Uint8Array;
  /** Where it is: an IPv6 address of 16 bytes. */
  readonly ipv6Endpoint?: RegisterEndpoint;
  /** How long the registration holds without a heartbeat, in milliseconds, a u32. */
  readonly ttlMs?: number;
  /** Tags; an empty list is the same as none. */
  readonly tags?: readonly string[];
  /** Free pairs; an empty object is the same as none. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where it says it can be reached: `host:port`. */
  readonly advertisedAddress?: string;
  /** Extensions of a later version, kept as they came; none is the same as an empty list. */
  readonly unknownExtensions?: readonly Extension[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Size of an IPv4 address, in bytes. */
const IPV4_LENGTH = 4;

/** Size of an IPv6 address, in bytes. */
const IPV6_LENGTH = 16;

/** Size of the fixed fields, in bytes: what the shortest payload has. */
export const AGENT_REGISTER_MIN_LENGTH = 26;

/**
 * Encodes the payload of an `AgentRegister` message.
 *
 * @param register What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry, and for
 * an unknown extension that has the type of a known one.
 */
export function encodeAgentRegister(
  register: AgentRegisterPayload,
): Uint8Array {
  const { name, capabilities, endpoint } = register;
  const writer = new PayloadWriter("AgentRegister", expectedLength(register));
  writer.fixed(register.agentId, AGENT_ID_LENGTH, "agentId");
  writer.text(name, "name");
  writer.u16(capabilities.length, "capability count");
  for (const capability of capabilities) writer.text(capability, "capability");
  writeEndpoint(writer, endpoint, IPV4_LENGTH);
  writeRegisterExtensions(writer, register);
  return writer.finish();
}

/** The size when all text is ASCII, in bytes. */
function expectedLength(register: AgentRegisterPayload): number {
  const { ipv6Endpoint, staticPublicKey, advertisedAddress } = register;
  let length = AGENT_REGISTER_MIN_LENGTH + register.name.length;
  for (const capability of register.capabilities) {
    length += 2 + capability.length;
  }
  if (staticPublicKey !== undefined) {
    length += EXTENSION_HEAD_LENGTH + PUBLIC_KEY_LENGTH;
  }
  if (ipv6Endpoint !== undefined) {
    length += EXTENSION_HEAD_LENGTH + IPV6_LENGTH + 2;
  }
  if (register.ttlMs !== undefined) length += EXTENSION_HEAD_LENGTH + 4;
  for (const tag of register.tags ?? []) {
    length += EXTENSION_HEAD_LENGTH + tag.length;
  }
  for (const [key, value] of Object.entries(register.metadata ?? {})) {
    length += EXTENSION_HEAD_LENGTH + 2 + key.length + value.length;
  }
  if (advertisedAddress !== undefined) {
    length += EXTENSION_HEAD_LENGTH + advertisedAddress.length;
  }
  return length + extensionsLength(register.unknownExtensions ?? []);
}

/**
 * Decodes the payload of an `AgentRegister` message.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The agent. Ids, addresses, keys and extension values are views of
 * `payload`; absent extensions are absent properties.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for text
 * that is not UTF-8, an extension of the wrong size, one that comes twice
 * though it may not, or more than 1,024 of them.
 */
export function decodeAgentRegister(payload: Uint8Array): AgentRegisterPayload {
  const reader = new PayloadReader("AgentRegister", payload);
  const agentId = reader.bytes(AGENT_ID_LENGTH);
  const name = reader.text();
  const capabilityCount = reader.u16();
  // The count is the peer's: each text that really follows pays for its place.
  const capabilities: string[] = [];
  for (let index = 0; index < capabilityCount; index++) {
    capabilities.push(reader.text());
  }
  const endpoint = readEndpoint(reader, IPV4_LENGTH);
  reader.check();
  const register: Writable<AgentRegisterPayload> = {
    agentId,
    name,
    capabilities,
    endpoint,
  };
  decodeRegisterExtensions(register, readExtensions(reader));
  return register;
}

/** Writes what there is beyond the fixed fields, in ascending order of type. */
function writeRegisterExtensions(
  writer: PayloadWriter,
  register: AgentRegisterPayload,
): void {
  const types = RegisterExtension;
  const { staticPublicKey, ipv6Endpoint, ttlMs, advertisedAddress } = register;
  const { tags = [], metadata = {}, unknownExtensions = [] } = register;
  let count = tags.length + unknownExtensions.length;
  if (staticPublicKey !== undefined) {
    const at = beginExtension(writer, types.STATIC_PUBLIC_KEY);
    writer.fixed(staticPublicKey, PUBLIC_KEY_LENGTH, "staticPublicKey");
    writer.endPart(at, "staticPublicKey");
    count++;
  }
  if (ipv6Endpoint !== undefined) {
    const at = beginExtension(writer, types.IPV6_ENDPOINT);
    writeEndpoint(writer, ipv6Endpoint, IPV6_LENGTH);
    writer.endPart(at, "ipv6Endpoint");
    count++;
  }
  if (ttlMs !== undefined) {
    const at = beginExtension(writer, types.TIME_TO_LIVE);
    writer.u32(ttlMs, "ttlMs");
    writer.endPart(at, "ttlMs");
    count++;
  }
  for (const tag of tags) writeText(writer, types.TAG, tag, "tag");
  count += writeMetadata(writer, types.METADATA, metadata);
  if (advertisedAddress !== undefined) {
    const { ADVERTISED_ADDRESS } = types;
    writeText(
      writer,
      ADVERTISED_ADDRESS,
      advertisedAddress,
      "advertisedAddress",
    );
    count++;
  }
  checkExtensionCount(writer, count);
  for (const { type } of unknownExtensions) {
    if (!isKnownExtension(type)) continue;
    throw writer.invalid(`extension ${type} is not unknown`);
  }
  writeExtensions(writer, unknownExtensions);
}

function beginExtension(writer: PayloadWriter, type: number): number {
  writer.u16(type, "extension type");
  return writer.beginPart();
}

function writeText(
  writer: PayloadWriter,
  type: number,
  text: string,
  field: string,
): void {
  const at = beginExtension(writer, type);
  writer.textToEnd(text, field);
  writer.endPart(at, field);
}

function decodeRegisterExtensions(
  register: Writable<AgentRegisterPayload>,
  extensions: readonly Extension[],
): void {
  const types = RegisterExtension;
  const tags: string[] = [];
  const unknownExtensions: Extension[] = [];
  const metadata = new MetadataCollector();
  let seen = 0;
  for (const extension of extensions) {
    const { type, value } = extension;
    if (!isKnownExtension(type)) {
      unknownExtensions.push(extension);
      continue;
    }
    if (type === types.METADATA) {
      metadata.add(new PayloadReader("AgentRegister metadata", value));
      continue;
    }
    const reader = new PayloadReader("AgentRegister extension", value);
    if (type === types.TAG) {
      tags.push(reader.textToEnd());
      continue;
    }
    if ((seen & 1 << type) !== 0) throw reader.invalid(`${type} comes twice`);
    seen |= 1 << type;
    readSingleExtension(register, type, reader);
    reader.end();
  }
  if (tags.length > 0) register.tags = tags;
  if (!metadata.isEmpty) register.metadata = metadata.finish();
  if (unknownExtensions.length > 0) {
    register.unknownExtensions = unknownExtensions;
  }
}

function readSingleExtension(
  register: Writable<AgentRegisterPayload>,
  type: number,
  reader: PayloadReader,
): void {
  switch (type) {
    case RegisterExtension.STATIC_PUBLIC_KEY:
      register.staticPublicKey = reader.bytes(PUBLIC_KEY_LENGTH);
      break;
    case RegisterExtension.IPV6_ENDPOINT:
      register.ipv6Endpoint = readEndpoint(reader, IPV6_LENGTH);
      break;
    case RegisterExtension.TIME_TO_LIVE:
      register.ttlMs = reader.u32();
      break;
    case RegisterExtension.ADVERTISED_ADDRESS:
      register.advertisedAddress = reader.textToEnd();
      break;
  }
}

function isKnownExtension(type: number): boolean {
  return type >= RegisterExtension.STATIC_PUBLIC_KEY &&
    type <= RegisterExtension.ADVERTISED_ADDRESS;
}

function writeEndpoint(
  writer: PayloadWriter,
  endpoint: RegisterEndpoint,
  addressLength: number,
): void {
  writer.fixed(endpoint.address, addressLength, "endpoint address");
  writer.u16(endpoint.port, "endpoint port");
}

function readEndpoint(
  reader: PayloadReader,
  addressLength: number,
): RegisterEndpoint {
  return { address: reader.bytes(addressLength), port: reader.u16() };
}
