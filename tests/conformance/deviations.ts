/**
 * Nodes that deviate: each is a change to the sources that one clause of the
 * conformance kit has to notice and name.
 *
 * @module
 */

/** A change to one file. */
export interface Edit {
  /** The folder that holds the file, from the root of the project. */
  readonly folder: string;
  /** Text that stands in the folder exactly once, tests not counted. */
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

/** A change to the core of the transport. */
function core(from: string, to: string): Edit {
  return { folder: "transport/core", from, to };
}

/** The deviating nodes. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    name: "answers a hello of any version as if it spoke it",
    clause: "version.negotiation",
    edits: [core("invariants.version !== TRANSPORT_VERSION", "false")],
  },
  {
    name: "takes a hello of any size",
    clause: "hello.too-short",
    edits: [core("packet.length < MIN_HELLO_DATAGRAM_BYTES ||", "")],
  },
  {
    name: "answers a hello to the id of hellos",
    clause: "hello.id",
    edits: [
      core(
        "isHelloId(connectionId)\n  ) return undefined;\n  return {",
        "reader.isFailed\n  ) return undefined;\n  return {",
      ),
      core(
        "isHelloId(connectionId)\n  ) return undefined;\n  const",
        "reader.isFailed\n  ) return undefined;\n  const",
      ),
    ],
  },
  {
    name: "does not check the checksum of a hello",
    clause: "hello.checksum",
    edits: [core("if (!hasValidChecksum(packet))", "if (false)")],
  },
  {
    name: "does not check the MAC of a hello",
    clause: "hello.mac-ik",
    edits: [core("hasValidHelloMac(packet, this.#macKeyIk)", "true")],
  },
  {
    name: "takes transport parameters that are repeated",
    clause: "hello.parameters",
    edits: [core("|| seen.has(id)) return undefined;", ") return undefined;")],
  },
  {
    name: "takes a finish that proves nothing",
    clause: "handshake.confirmation",
    edits: [
      core(
        "!isEqualConstantTime(decoded.trailer,",
        "!Array.of(decoded.trailer,",
      ),
    ],
  },
  {
    name: "completes a handshake with another address",
    clause: "handshake.other-address",
    edits: [
      core(
        'if (isElsewhere && !this.isInitiator) return "address-mismatch";',
        "",
      ),
    ],
  },
  {
    name: "sends as much as it likes to an address that is not proven",
    clause: "handshake.amplification",
    edits: [
      core(
        "export const AMPLIFICATION_FACTOR = 3;",
        "export const AMPLIFICATION_FACTOR = 1_000;",
      ),
      core(
        "    this.#isPacketDue = false;\n",
        "    this.#isPacketDue = !this.isInitiator && this.#sentCount < 99;\n",
      ),
    ],
  },
  {
    name: "acknowledges later than it announces",
    clause: "ack.delay",
    edits: [
      core(
        "this.#maxAckDelayMs = options.maxAckDelayMs ?? DEFAULT_MAX_ACK_DELAY_MS;",
        "this.#maxAckDelayMs = 300;",
      ),
    ],
  },
  {
    name: "takes no notice of how often packets are to be acknowledged",
    clause: "ack.frequency",
    edits: [core("return this.#acks.handleFrequency(frame);", "return;")],
  },
  {
    name: "processes a packet that it has seen",
    clause: "packet.replay",
    edits: [
      core(
        "return (this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0;",
        "return true;",
      ),
    ],
  },
  {
    name: "takes an unknown frame for a ping",
    clause: "frame.unknown-type",
    edits: [{
      folder: "protocol/frame",
      from: "throw invalidFrame(`Frame: unknown type 0x${type.toString(16)}`);",
      to: "return PING;",
    }],
  },
  {
    name: "does not look at reserved flags",
    clause: "frame.reserved-flags",
    edits: [core("(this.#protection.flags & UNSEALED_FLAGS) !== 0 ||", "")],
  },
  {
    name: "does not look at the reserved byte of a packet",
    clause: "frame.reserved-byte",
    edits: [core("this.#reservedByte !== 0;", "false;")],
  },
  {
    name: "sets a reserved flag in what it seals",
    clause: "packet.flags",
    edits: [
      core(
        "const flags = packet.flags |\n",
        "const flags = packet.flags | 0x20 |\n",
      ),
    ],
  },
  {
    name: "seals packets whose reserved byte is not 0",
    clause: "packet.flags",
    edits: [
      core(
        "const { aead, ivAt } = this.#send;",
        "const { aead, ivAt } = this.#send;\n    buffer[offset + 17] = 1;",
      ),
    ],
  },
  {
    name: "does not flag the packets that have to be acknowledged",
    clause: "packet.flags",
    edits: [core("(isEliciting ? PacketFlags.ACK_ELICITING : 0)", "0")],
  },
  {
    name: "does not flag the packets that acknowledge others",
    clause: "packet.flags",
    edits: [core("(hasAck ? PacketFlags.ACK : 0)", "0")],
  },
  {
    name: "takes more data than it has granted",
    clause: "stream.credit",
    edits: [{
      folder: "transport/core/stream",
      from:
        "if (growth > this.#window.availableBytes) throw this.#creditError(end);",
      to: "if (growth > 2 ** 52) throw this.#creditError(end);",
    }],
  },
  {
    name: "sets OPEN on streams that it did not open",
    clause: "stream.open",
    edits: [
      core(
        "isOpen = this.#isOpener && offset === 0;",
        "isOpen = offset === 0;",
      ),
    ],
  },
  {
    name: "takes more streams than it has granted",
    clause: "stream.limit",
    edits: [core("if (sequence >= count.maximum) {", "if (sequence < 0) {")],
  },
  {
    name: "lets a stream end before what has come",
    clause: "stream.final-size",
    edits: [core("if (isFinal && end < receivedBytes) {", "if (end < 0) {")],
  },
  {
    name: "does not answer a stop with a reset",
    clause: "stream.stop",
    edits: [core("if (!this.reset(code)) return false;", "return false;")],
  },
  {
    name: "takes no notice of the peer's close",
    clause: "close.draining",
    edits: [
      core(
        'if (frame.type === "close") return frame;',
        'if (frame.type === "close") continue;',
      ),
    ],
  },
  {
    name: "sends no reset for a connection that it has forgotten",
    clause: "reset.token",
    edits: [
      core("if (receivedBytes <= MIN_RESET_BYTES) return 0;", "return 0;"),
    ],
  },
  {
    name: "goes by its own idle timeout alone",
    clause: "idle.timeout",
    edits: [core("this.#idle.limit(result.peerParameters.idleTimeoutMs);", "")],
  },
  {
    name: "does not follow a key update with its own keys",
    clause: "keys.update",
    edits: [
      core(
        "if (this.#sendPhase !== this.#receivePhase) this.#updateSendKeys();",
        "",
      ),
    ],
  },
  {
    name: "does not answer path challenges",
    clause: "path.challenge",
    edits: [
      core(
        "return this.#outgoing.control.answerPathChallenge(frame.data);",
        "return;",
      ),
    ],
  },
  {
    name: "takes any number of connection ids",
    clause: "ids.limit",
    edits: [core("if (this.#ids.length > maxCount ||", "if (maxCount < 0 ||")],
  },
  {
    name: "takes a ticket as often as it comes",
    clause: "ticket.once",
    edits: [core("if (key.used.has(trace))", "if (false)")],
  },
  {
    name: "uses a ticket up before its hello has authenticated",
    clause: "ticket.owner",
    edits: [
      core(
        "resumption = { owner, psk };",
        "resumption = { owner, psk }; ticket.use();",
      ),
    ],
  },
  {
    name: "does not check the checksum of a message",
    clause: "message.checksum",
    edits: [{
      folder: "protocol",
      from: "  if (!isChecksumAt(bytes, end)) throw",
      to: "  if (!isChecksumAt(bytes, end) && end < 0) throw",
    }],
  },
  {
    name: "reads what is compressed as if it were not",
    clause: "message.flags",
    edits: [{
      folder: "mesh",
      from: "  checkFlags(message, 0);\n  if (payload.length",
      to: "  if (payload.length",
    }],
  },
  {
    name: "sends responses whose reserved byte is not 0",
    clause: "message.echo",
    edits: [{
      folder: "protocol",
      from: 'response.contentType, "contentType");\n  writer.u8(0,',
      to: 'response.contentType, "contentType");\n  writer.u8(1,',
    }],
  },
  {
    name: "answers a registration with what is no JSON",
    clause: "registry.round-trip",
    edits: [{
      folder: "mesh",
      from: "    port: record.port,\n  };\n  return contentOf(answer);",
      to:
        '    port: record.port,\n  };\n  void answer;\n  return contentOf("granted");',
    }],
  },
  {
    name: "sends lists of agents that are cut short",
    clause: "registry.round-trip",
    edits: [{
      folder: "mesh",
      from: "joinAgentList(encodeFitting(found)),",
      to: "joinAgentList(encodeFitting(found)).slice(0, -1),",
    }],
  },
  {
    name: "lets anybody take an agent id",
    clause: "registry.owner",
    edits: [{
      folder: "registry",
      from: "  if (!isSameKey(record.publicKey, publicKey)) {",
      to: "  if (publicKey.length === 0) {",
    }],
  },
];
