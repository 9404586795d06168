/**
 * The numbers of docs/spec are those of the source, in both directions: what
 * the source has and no page says cannot be written in another language, and
 * what a page says and the source lacks is a promise that nobody keeps.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { FrameType, StreamFrameBits } from "../protocol/frame/frame_type.ts";
import {
  ContentType,
  ControlType,
  createNilAgentId,
  DiscoverKind,
  encodeCall,
  encodeCallData,
  EnvelopeExtension,
  HeartbeatStatus,
  MessageFlags,
  MessageType,
  PacketFlags,
  parseMxpUrl,
  Priority,
  ProtocolError,
  RegisterExtension,
  StreamEnding,
  StreamKind,
} from "../protocol/mod.ts";
import { CLAUSES } from "../conformance/mod.ts";
import * as meshConfig from "../mesh/config.ts";
import * as nodeConfig from "../mesh/node_config.ts";
import { countJsonUnits, MAX_JSON_UNITS } from "../mesh/json_size.ts";
import { PRESENCE_EXTENSION } from "../mesh/registry_wire.ts";
import { ReplyExtension } from "../mesh/reply_extension.ts";
import { StatusCode } from "../mesh/status_code.ts";
import * as registryConfig from "../registry/config.ts";
import { CloseCode } from "../transport/core/error.ts";
import {
  HandshakeKind,
  HandshakePatternCode,
  RefusalReason,
} from "../transport/core/handshake_packet.ts";
import { SUITE_NAMES, suiteParts } from "../transport/core/suite.ts";
import { readPage, tableOf } from "./support/markdown_table.ts";

const transport = readPage("docs/spec/transport.md");
const frames = readPage("docs/spec/frames.md");
const messages = readPage("docs/spec/messages.md");
const states = readPage("docs/spec/states.md");

/** `STREAM_MAX_DATA`, `StreamMaxData`, `stream max data` → `streammaxdata`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Text of a link, or of what is none. */
function linkText(cell: string): string {
  return /^\[([^\]]+)\]/.exec(cell)?.[1] ?? cell;
}

/** The numbers of a table of constants, by their plain names. */
function constants(
  table: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(table).map(([name, number]) => [plain(name), number]),
  );
}

/** The rows of a table as numbers by plain names. */
function documented(
  page: string,
  columns: readonly [number: string, name: string],
  options: { section?: string; radix?: number; skip?: RegExp } = {},
): Record<string, number> {
  const { section, radix = 10, skip = /^$/ } = options;
  const [number, name] = columns;
  return Object.fromEntries(
    tableOf(page, columns, section)
      .filter((row) => !skip.test(row[number]!))
      .map((row) => [
        plain(linkText(row[name]!)),
        Number.parseInt(row[number]!, radix),
      ]),
  );
}

Deno.test("docs/spec/frames.md lists exactly the frame types", () => {
  const { STREAM: base, ...others } = FrameType;
  const { stream, ...rest } = documented(frames, ["type", "frame"], {
    radix: 16,
  });
  assert.deepEqual(rest, constants(others));
  // Its row is a range: the base with at least one of the bits.
  assert.equal(stream, base + 1);
  const bits = tableOf(frames, ["bit", "name", "meaning"], "## Stream");
  assert.deepEqual(
    Object.fromEntries(bits.map((row) => [row.name, Number(row.bit)])),
    { ...StreamFrameBits },
  );
});

Deno.test("docs/spec/frames.md lists exactly the control frames", () => {
  assert.deepEqual(
    documented(frames, ["subtype", "frame"]),
    constants(ControlType),
  );
});

Deno.test("docs/spec/frames.md lays out every control frame under its bytes", () => {
  for (const [name, subtype] of Object.entries(ControlType)) {
    const bytes = `50 ${subtype.toString(16).padStart(2, "0").toUpperCase()}`;
    assert.ok(frames.includes(`\`${bytes}\``), `${name}: ${bytes}`);
  }
});

Deno.test("docs/spec/transport.md lists exactly the packet flags", () => {
  assert.deepEqual(
    documented(transport, ["flag", "name"], { radix: 16 }),
    constants(PacketFlags),
  );
});

Deno.test("docs/spec/transport.md lists exactly the handshake packets", () => {
  assert.deepEqual(
    documented(transport, ["kind", "packet"]),
    constants(HandshakeKind),
  );
});

Deno.test("docs/spec/transport.md lists exactly the handshake patterns", () => {
  assert.deepEqual(
    documented(transport, ["pattern", "name"]),
    constants(HandshakePatternCode),
  );
});

Deno.test("docs/spec/transport.md lists exactly the reasons of a refusal", () => {
  assert.deepEqual(
    documented(transport, ["reason of a refusal", "name"]),
    constants(RefusalReason),
  );
});

Deno.test("docs/spec/transport.md lists exactly the suites", () => {
  assert.deepEqual(
    tableOf(transport, ["suite", "name"]).map((row) => Number(row.suite)),
    SUITE_NAMES.map((name) => suiteParts(name).code),
  );
});

Deno.test("docs/spec/transport.md lists exactly the transport parameters", () => {
  const source = readPage("transport/core/transport_parameters.ts");
  const ids = [
    ...source.matchAll(/_PARAMETER(?:: \w+)? = (\d+);/g),
    ...source.matchAll(/\bid: (\d+)/g),
  ].map(([, digits]) => Number(digits)).toSorted((a, b) => a - b);
  const rows = tableOf(transport, ["id", "name", "value"]);
  assert.deepEqual(rows.map((row) => Number(row.id)), ids);
});

Deno.test("docs/spec/transport.md lists exactly the close codes", () => {
  assert.deepEqual(
    documented(transport, ["code", "name"], {
      section: "## Close codes",
      radix: 16,
      skip: /above$/,
    }),
    constants(CloseCode),
  );
});

Deno.test("docs/spec/messages.md lists exactly the message types", () => {
  assert.deepEqual(
    documented(messages, ["type", "name"], {
      section: "### Types",
      radix: 16,
      skip: /-|others/,
    }),
    constants(MessageType),
  );
  for (const [name, type] of Object.entries(MessageType)) {
    const heading = new RegExp(
      `^### ${type.toString(16).padStart(2, "0").toUpperCase()} (\\w+)$`,
      "m",
    ).exec(messages);
    assert.equal(plain(heading?.[1] ?? ""), plain(name), "has a section");
  }
});

Deno.test("docs/spec/messages.md lists exactly the message flags", () => {
  const rows = tableOf(messages, ["bit", "value", "name"], "### Flags")
    .filter((row) => row.value !== "");
  const { NONE: _, ...flags } = MessageFlags;
  assert.deepEqual(
    Object.fromEntries(
      rows.map((row) => [plain(row.name!), Number(row.value)]),
    ),
    constants(flags),
  );
});

Deno.test("docs/spec/messages.md lists exactly the content types", () => {
  assert.deepEqual(
    tableOf(messages, ["content type", "body"]).map((row) =>
      Number(row["content type"])
    ),
    Object.values(ContentType),
  );
});

Deno.test("docs/spec/messages.md lists exactly the status numbers", () => {
  assert.deepEqual(
    documented(messages, ["status", "name"], { section: "## Status" }),
    constants(StatusCode),
  );
});

Deno.test("docs/spec/messages.md says which status every error of a payload gets", () => {
  const rows = tableOf(messages, ["error of this page"], "## Status");
  const [checks, others, ...more] = rows.map((row) =>
    row["error of this page"]!
  );
  assert.match(checks!, /Checks/);
  assert.deepEqual(more, []);
  const named = [
    ...tableOf(messages, ["error", "when"], "## Extensions"),
    ...tableOf(messages, ["error", "when"], "## Compression"),
  ].map(({ error }) => error!);
  for (const error of named) assert.ok(others!.includes(error), error);
});

Deno.test("docs/spec/messages.md gives the bound of a JSON text", () => {
  const text = messages.replaceAll(/\s+/g, " ");
  assert.ok(text.includes(`more than ${spelled(MAX_JSON_UNITS)} units`));
  const [, units] = /units, of which each (.+), those inside/.exec(text)!;
  for (const [, bytes, count] of units!.matchAll(/((?:`.`[ and]*)+) (\d+)/g)) {
    for (const [, byte] of bytes!.matchAll(/`(.)`/g)) {
      const body = new TextEncoder().encode(byte);
      assert.equal(countJsonUnits(body), Number(count), byte);
    }
  }
});

Deno.test("docs/spec/messages.md says how many answers are kept for idempotency keys", () => {
  const text = messages.replaceAll(/\s+/g, " ");
  const { MAX_STORED_ANSWERS, MAX_STORED_ANSWER_BYTES } = meshConfig;
  const bounds = `${spelled(MAX_STORED_ANSWERS)} answers or ${
    MAX_STORED_ANSWER_BYTES / MIB
  } MiB, for ${meshConfig.STORED_ANSWER_LIFETIME_MS / 60_000} min`;
  assert.ok(text.includes(bounds), bounds);
});

Deno.test("docs/spec/messages.md tells hosts that are an address from one that is none", () => {
  const text = messages.replaceAll(/\s+/g, " ");
  const [, spellings, none] =
    /refused: ([^:]+) are 127\.0\.0\.1, and `(.+?)` is nothing/.exec(text)!;
  const hosts = [...spellings!.matchAll(/`(.+?)`/g)].map((match) => match[1]);
  assert.equal(hosts.length, 3);
  for (const host of hosts) {
    assert.equal(parseMxpUrl(`mxp://${host}`).hostname, "127.0.0.1", host);
  }
  assert.throws(() => parseMxpUrl(`mxp://${none}`), ProtocolError);
});

Deno.test("docs/spec/messages.md lists exactly the extensions", () => {
  assert.deepEqual(
    documented(messages, ["extension", "name"], { section: "## Envelope" }),
    constants(EnvelopeExtension),
  );
  const { spent, ...answers } = documented(messages, ["extension", "name"], {
    section: "## Answers",
  });
  assert.equal(spent, EnvelopeExtension.BUDGET);
  assert.deepEqual(answers, constants(ReplyExtension));
  assert.deepEqual(
    tableOf(messages, ["extension", "value"], "### 01 AgentRegister")
      .map((row) => Number(row.extension)),
    Object.values(RegisterExtension),
  );
});

/** `kind: 1 one way, 2 both ways` of a field → the numbers and names. */
function enumeration(section: string, field: string): Record<string, number> {
  const cell = tableOf(messages, ["offset", "size", "field"], section)
    .map((row) => row.field!)
    .find((text) => text.startsWith(`${field}: `));
  assert.ok(cell !== undefined, `${section} has no field ${field}`);
  return Object.fromEntries(
    cell.slice(field.length + 2).split(", ").map((part) => {
      const [number, ...name] = part.split(" ");
      return [plain(name.join("")), Number(number)];
    }),
  );
}

Deno.test("docs/spec/messages.md gives the values of every field that names its values", () => {
  assert.deepEqual(
    enumeration("### 02 AgentDiscover", "kind"),
    constants(DiscoverKind),
  );
  assert.deepEqual(
    enumeration("### 03 AgentHeartbeat", "status"),
    constants(HeartbeatStatus),
  );
  assert.deepEqual(
    Object.values(enumeration("### 20 StreamOpen", "kind")),
    Object.values(StreamKind),
  );
  assert.deepEqual(
    enumeration("### 22 StreamClose", "ending"),
    constants(StreamEnding),
  );
  for (const [name, number] of Object.entries(Priority)) {
    assert.ok(frames.includes(`${number} ${name.toLowerCase()}`), name);
  }
});

Deno.test("docs/spec/states.md has exactly the states of a connection", () => {
  const source = readPage("transport/core/connection.ts");
  const union = /export type ConnectionState =([^;]+);/.exec(source)![1]!;
  const names = [...union.matchAll(/"([a-z]+)"/g)].map((match) => match[1]);
  assert.deepEqual(
    tableOf(states, ["state", "what it means"]).map((row) => row.state),
    names,
  );
  const table = tableOf(states, ["state", "input"], "## Connection");
  for (const { state, next } of table) {
    assert.ok(names.includes(state), state);
    assert.ok(names.includes(next), next);
  }
});

/** Machines of states.md, and the states that none of their rows leaves. */
const MACHINES: Readonly<Record<string, readonly string[]>> = {
  "## Handshake, initiator": ["confirmed", "closed"],
  "## Handshake, responder": ["established", "closed"],
  "## Connection": ["closed"],
  "## Stream, sending part": ["data received", "reset received"],
  "## Stream, receiving part": ["data read", "reset read"],
  "## Path": [],
};

for (const [section, finalStates] of Object.entries(MACHINES)) {
  Deno.test(`docs/spec/states.md ends only in final states: ${section.slice(3)}`, () => {
    const rows = tableOf(states, ["state", "input"], section);
    const left = new Set(rows.flatMap((row) => row.state!.split(", ")));
    const reached = new Set(rows.map((row) => row.next!.replace(/:.*/, "")));
    assert.deepEqual(
      [...reached].filter((state) => !left.has(state)).toSorted(),
      finalStates.toSorted(),
    );
  });
}

/** The sources of a folder and the folders in it, without tests. */
function sourceOf(folder: string): string[] {
  const root = new URL(`../${folder}/`, import.meta.url);
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith("_test.ts"))
    .map((name) => Deno.readTextFileSync(new URL(name, root)));
}

/** Labels that never leave a process: nobody else has to know them. */
const PRIVATE_LABELS: ReadonlySet<string> = new Set(["mxp v1 reset index"]);

Deno.test("docs/spec gives every label that goes into a key, a MAC or a hash", () => {
  const pages = ["transport", "crypto", "frames"]
    .map((name) => readPage(`docs/spec/${name}.md`)).join("\n");
  const source = [...sourceOf("transport/core"), ...sourceOf("crypto")].join(
    "",
  );
  const labels = new Set(
    [...source.matchAll(/"(mxp [a-z0-9 ]+)"/g)].map((match) => match[1]!),
  );
  assert.ok(labels.size >= 10, [...labels].join());
  const missing = [...labels].filter((label) =>
    !PRIVATE_LABELS.has(label) &&
    !pages.includes(`\`${label}\``) && !pages.includes(`"${label}"`)
  );
  assert.deepEqual(missing, []);
});

Deno.test("docs/spec names no label that the source does not use", () => {
  const pages = ["transport", "crypto", "frames"]
    .map((name) => readPage(`docs/spec/${name}.md`)).join("\n");
  const source = [...sourceOf("transport/core"), ...sourceOf("crypto")].join(
    "",
  );
  const labels = new Set(
    [...pages.matchAll(/[`"](mxp [a-z0-9 ]+)[`"]/g)].map((match) => match[1]!),
  );
  const unused = [...labels].filter((label) => !source.includes(`"${label}"`));
  assert.deepEqual(unused, []);
});

const registry = readPage("docs/spec/registry.md");

/** A number as the pages write it. */
function spelled(number: number): string {
  return number.toLocaleString("en-US");
}

/** Payload of a ping of nothing. */
const EMPTY_PING_BYTES = encodeCall({
  target: createNilAgentId(),
  timeoutSeconds: 0,
  data: encodeCallData({
    contentType: ContentType.BYTES,
    method: "mxp.ping",
    body: new Uint8Array(0),
  }),
}).length;

const KIB = 1024;
const MIB = 1024 * KIB;

Deno.test("docs/spec/registry.md gives exactly the bounds of a node", () => {
  const rows = tableOf(registry, ["what", "bound"], "## Bounds");
  const one = "of one connection";
  assert.deepEqual(
    Object.fromEntries(rows.map(({ what, bound }) => [what, bound])),
    {
      "records of a node / of one key": `${
        spelled(registryConfig.DEFAULT_MAX_RECORDS)
      } / ${registryConfig.DEFAULT_MAX_RECORDS_PER_KEY}`,
      "registrations of one key":
        `burst of ${nodeConfig.REGISTRATION_BURST}, then ${nodeConfig.REGISTRATIONS_PER_SECOND} a second`,
      "name; capability, tag; metadata key, value":
        `${registryConfig.MAX_NAME_BYTES}; ${registryConfig.MAX_LABEL_BYTES}; ${registryConfig.MAX_METADATA_KEY_BYTES}, ${
          spelled(registryConfig.MAX_METADATA_VALUE_BYTES)
        } bytes`,
      "capabilities; tags; metadata entries":
        `${registryConfig.MAX_CAPABILITY_COUNT}; ${registryConfig.MAX_TAG_COUNT}; ${registryConfig.MAX_METADATA_COUNT}`,
      "payload of an event; of another request": `${
        Math.floor(nodeConfig.MAX_NODE_PAYLOAD_BYTES / MIB)
      } MiB + ${nodeConfig.MAX_NODE_PAYLOAD_BYTES % MIB / KIB} KiB; ${
        nodeConfig.MAX_CONTROL_PAYLOAD_BYTES / KIB
      } KiB`,
      [`requests ${one} at a time`]: `${nodeConfig.MAX_CONCURRENT_REQUESTS}`,
      "bytes of unfinished requests, and of answers": `${
        nodeConfig.MAX_NODE_REQUEST_BYTES / MIB
      } MiB; the share of a key`,
      "time for a message that has begun to arrive": `${
        nodeConfig.REQUEST_TIMEOUT_MS / 1_000
      } s`,
      [`subscriptions ${one} / of a node`]:
        `${nodeConfig.MAX_SUBSCRIPTIONS_PER_CONNECTION} / ${
          spelled(nodeConfig.MAX_SUBSCRIPTIONS)
        }; the share of a key`,
      "connections of a node": spelled(nodeConfig.MAX_NODE_CONNECTIONS),
      "events that wait for one subscriber": `${
        spelled(nodeConfig.MAX_SUBSCRIBER_QUEUE_EVENTS)
      }; ${nodeConfig.MAX_SUBSCRIBER_QUEUE_BYTES / MIB} MiB; its share`,
      "events that wait for all subscribers": `${
        nodeConfig.MAX_NODE_QUEUE_BYTES / MIB
      } MiB, and ${
        nodeConfig.RESERVED_SUBSCRIBER_QUEUE_BYTES / KIB
      } KiB for each`,
    },
  );
});

Deno.test("docs/spec/registry.md gives the numbers of leases, queries and queues", () => {
  const text = registry.replaceAll(/\s+/g, " ");
  const { DEFAULT_LEASE_MS, DEFAULT_QUERY_LIMIT } = registryConfig;
  const sentences = [
    `between ${nodeConfig.MIN_REQUESTED_LEASE_MS / 1_000} s and ${
      nodeConfig.MAX_REQUESTED_LEASE_MS / 60_000
    } min, bounds that always include the node's own lease`,
    `"leaseMs": ${DEFAULT_LEASE_MS}, "heartbeatIntervalMs": ${registryConfig.DEFAULT_HEARTBEAT_INTERVAL_MS}`,
    `The limit is ${DEFAULT_QUERY_LIMIT} where the request says 0; one above ${
      spelled(registryConfig.MAX_QUERY_LIMIT)
    } is refused`,
    `before ${nodeConfig.MAX_DISCOVER_REPLY_BYTES / MIB} MiB of records`,
    `At most ${spelled(nodeConfig.MAX_SUBSCRIBER_QUEUE_EVENTS)} events or ${
      nodeConfig.MAX_SUBSCRIBER_QUEUE_BYTES / MIB
    } MiB wait for a subscriber, and ${
      nodeConfig.MAX_NODE_QUEUE_BYTES / MIB
    } MiB for all of them together`,
    `a quarter may wait for one subscriber, and ${
      nodeConfig.RESERVED_SUBSCRIBER_QUEUE_BYTES / KIB
    } KiB at any time`,
    `as much as is free of them, and ${
      nodeConfig.RESERVED_NODE_REQUEST_BYTES / KIB
    } KiB or ${nodeConfig.RESERVED_SUBSCRIPTIONS} subscriptions however much`,
    `A **topic** is 1 to ${nodeConfig.MAX_TOPIC_BYTES} bytes`,
    `An advertised host is 1 to ${registryConfig.MAX_HOSTNAME_LENGTH} ASCII`,
    `with an empty envelope, ${
      spelled(nodeConfig.MAX_CONTROL_PAYLOAD_BYTES - EMPTY_PING_BYTES)
    } bytes are left for the body of an \`mxp.ping\``,
    `extension ${PRESENCE_EXTENSION}: presence`,
  ];
  for (const sentence of sentences) {
    assert.ok(text.includes(sentence), sentence);
  }
});

Deno.test("docs/spec/registry.md lists exactly the methods of a node", () => {
  const source = readPage("mesh/node_requests.ts");
  const methods = [...source.matchAll(/case "(mxp\.[a-z]+)":/g)]
    .map((match) => match[1]);
  assert.ok(methods.length > 0);
  assert.deepEqual(
    tableOf(registry, ["method", "body"]).map(({ method }) => method)
      .toSorted(),
    methods.toSorted(),
  );
});

Deno.test("docs/conformance.md names every group of clauses", () => {
  const page = readPage("docs/conformance.md");
  const documented = tableOf(page, ["group", "what it is about"])
    .flatMap(({ group }) => group!.split(", "));
  const groups = new Set(CLAUSES.map(({ id }) => id.split(".")[0]!));
  assert.deepEqual(documented.toSorted(), [...groups].toSorted());
});
