/**
 * Nodes that deviate: each is a change to the sources that one clause of the
 * conformance kit has to notice and name.
 *
 * @module
 */

/** A change to one file. */
export interface Edit {
  /** The file, from the root of the project. */
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly from: string;
  /** What stands there instead. */
  readonly to: string;
}

/** A node that does not conform. */
export interface Deviation {
  /** What it does. */
  readonly name: string;
  /** The clause that has to fail. */
  readonly clause: string;
  /** How the node is made. */
  readonly edits: readonly Edit[];
}

const CORE = "transport/core";

/** The deviating nodes. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    name: "answers a hello of any version as if it spoke it",
    clause: "version.negotiation",
    edits: [{
      file: `${CORE}/endpoint.ts`,
      from: "if (invariants.version !== TRANSPORT_VERSION) {",
      to: "if (invariants.version === 0) {",
    }],
  },
  {
    name: "does not check the MAC of a hello",
    clause: "hello.mac-ik",
    edits: [{
      file: `${CORE}/endpoint.ts`,
      from:
        'return hasValidHelloMac(packet, this.#macKeyIk) ? undefined : "wrong-key";',
      to: "return undefined;",
    }],
  },
  {
    name: "sends as much as it likes to an address that is not proven",
    clause: "handshake.amplification",
    edits: [{
      file: `${CORE}/amplification_limit.ts`,
      from: "export const AMPLIFICATION_FACTOR = 3;",
      to: "export const AMPLIFICATION_FACTOR = 1_000;",
    }, {
      file: `${CORE}/pending_handshake.ts`,
      from: "    this.#isPacketDue = false;\n",
      to:
        "    this.#isPacketDue = !this.isInitiator && this.#sentCount < 99;\n",
    }],
  },
  {
    name: "acknowledges later than it announces",
    clause: "ack.delay",
    edits: [{
      file: `${CORE}/ack_tracker.ts`,
      from:
        "this.#maxAckDelayMs = options.maxAckDelayMs ?? DEFAULT_MAX_ACK_DELAY_MS;",
      to: "this.#maxAckDelayMs = 300;",
    }],
  },
  {
    name: "processes a packet that it has seen",
    clause: "packet.replay",
    edits: [{
      file: `${CORE}/replay_window.ts`,
      from: "return (this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0;",
      to: "return true;",
    }],
  },
  {
    name: "takes more data than it has granted",
    clause: "stream.credit",
    edits: [{
      file: `${CORE}/stream/recv_stream.ts`,
      from: "if (growth > this.#window.availableBytes) {",
      to: "if (growth > 2 ** 52) {",
    }],
  },
  {
    name: "does not follow a key update with its own keys",
    clause: "keys.update",
    edits: [{
      file: `${CORE}/packet_protection.ts`,
      from:
        "if (this.#sendPhase !== this.#receivePhase) this.#updateSendKeys();",
      to: "",
    }],
  },
  {
    name: "sends no reset for a connection that it has forgotten",
    clause: "reset.token",
    edits: [{
      file: `${CORE}/endpoint.ts`,
      from: "if (!isHandshake && isOurs && maxBytes > 0) {",
      to: "if (!isHandshake && isOurs && maxBytes > 2 ** 20) {",
    }],
  },
  {
    name: "takes no notice of the peer's close",
    clause: "close.draining",
    edits: [{
      file: `${CORE}/packet_space.ts`,
      from: 'if (frame.type === "close") return frame;',
      to: 'if (frame.type === "close") continue;',
    }],
  },
  {
    name: "does not check the checksum of a message",
    clause: "message.checksum",
    edits: [{
      file: "protocol/message.ts",
      from: "  if (!isChecksumAt(bytes, end)) {",
      to: "  if (!isChecksumAt(bytes, end) && end < 0) {",
    }],
  },
  {
    name: "lets anybody take an agent id",
    clause: "registry.owner",
    edits: [{
      file: "registry/agent_table.ts",
      from: "  if (!isSameKey(record.publicKey, publicKey)) {",
      to: "  if (publicKey.length === 0) {",
    }],
  },
];
