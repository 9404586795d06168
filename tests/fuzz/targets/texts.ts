/**
 * What is read from text: addresses, agent ids, key files, known peers.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isDeepStrictEqual } from "node:util";
import {
  CryptoError,
  decodeIdentity,
  encodeIdentity,
  generateKeyPair,
  identityOf,
} from "../../../crypto/mod.ts";
import { CallError } from "../../../mesh/error.ts";
import { KnownPeers } from "../../../mesh/known_peers.ts";
import {
  formatAgentId,
  formatMxpUrl,
  parseAgentId,
  parseMxpUrl,
  ProtocolError,
} from "../../../protocol/mod.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { signatureOf } from "../signature.ts";
import { attempt, type FuzzTarget, require } from "../target.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/**
 * Text of any bytes: UTF-8, or after a byte 0xff UTF-16, which can hold half a
 * surrogate pair as a string of JavaScript can.
 */
function textOf(input: Uint8Array): string {
  if (input[0] !== 0xff) return decoder.decode(input);
  let text = "";
  for (let index = 1; index + 1 < input.length; index += 2) {
    text += String.fromCharCode(input[index]! | input[index + 1]! << 8);
  }
  return text;
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * text.length);
  bytes[0] = 0xff;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    bytes[1 + 2 * index] = code;
    bytes[2 + 2 * index] = code >>> 8;
  }
  return bytes;
}

const URL_SEEDS = [
  "mxp://localhost",
  "mxp://LOCALHOST:9000/summarizer",
  `mxp://127.0.0.1:1/a%20b%2Fc?pk=${KEY}`,
  "mxp://[2001:db8::1]:65535/0f8fad5b-d9cb-469f-a165-70867728950e?x=1&y",
  "mxp://bücher.example/ü",
  "mxp://0x7f.1:09000/%F0%9F%8C%8D",
];

const MXP_URL: FuzzTarget = {
  name: "mxp-url",
  subject: "parseMxpUrl; what it gives can be written and is read the same",
  seeds: () => [
    ...URL_SEEDS.map((text) => encoder.encode(text)),
    utf16(URL_SEEDS[1]!),
    utf16("mxp://h/\ud800"),
  ],
  dictionary: ["mxp://", "?pk=", "&pk=", "%2e", "%00", "[::1]", "..", "@", KEY]
    .map((word) => encoder.encode(word)),
  run(input) {
    const text = textOf(input);
    const outcome = attempt(ProtocolError, () => parseMxpUrl(text));
    if ("refusal" in outcome) return outcome.refusal;
    const url = outcome.value;
    const written = attempt(ProtocolError, () => formatMxpUrl(url));
    if ("refusal" in written) {
      // Percent-encoding makes up to nine characters of one.
      require(
        /above_#$/.test(written.refusal),
        `an address that was read can be written: ${written.refusal}`,
      );
      return `ok ${written.refusal}`;
    }
    require(
      isDeepStrictEqual(parseMxpUrl(written.value), url),
      "an address survives being written and read",
    );
    return `ok ${signatureOf(url)} ipv4:${/^[\d.]+$/.test(url.hostname)}`;
  },
};

const AGENT_ID: FuzzTarget = {
  name: "agent-id",
  subject: "parseAgentId and formatAgentId",
  maxLength: 128,
  seeds: () => [
    encoder.encode("0f8fad5b-d9cb-469f-a165-70867728950e"),
    encoder.encode("00000000-0000-0000-0000-000000000000"),
    Uint8Array.from({ length: 16 }, (_, index) => 255 - index),
  ],
  run(input) {
    const formatted = attempt(ProtocolError, () => formatAgentId(input));
    if ("value" in formatted) {
      require(
        isDeepStrictEqual(parseAgentId(formatted.value), input.slice()),
        "bytes survive being written and read",
      );
    }
    const text = textOf(input);
    const parsed = attempt(ProtocolError, () => parseAgentId(text));
    if ("refusal" in parsed) {
      return `${parsed.refusal} bytes:${"value" in formatted}`;
    }
    require(
      formatAgentId(parsed.value) === text.toLowerCase(),
      "text survives being read and written",
    );
    return "ok";
  },
};

const IDENTITY: FuzzTarget = {
  name: "identity",
  subject: "decodeIdentity: the text of a key file",
  maxLength: 5000,
  seeds: () => {
    const text = encodeIdentity(
      identityOf(generateKeyPair(new SeededRandom(7))),
    );
    return [
      encoder.encode(text),
      encoder.encode(text.replaceAll(/\s/g, "")),
      encoder.encode("[]"),
      encoder.encode("[".repeat(4096)),
    ];
  },
  dictionary: ['"version":', '"mxp-x25519"', '"privateKey":', "null", KEY]
    .map((word) => encoder.encode(word)),
  run(input) {
    const text = textOf(input);
    const outcome = attempt(CryptoError, () => decodeIdentity(text));
    if ("refusal" in outcome) return outcome.refusal;
    const again = decodeIdentity(encodeIdentity(outcome.value));
    require(
      isDeepStrictEqual(
        again.keyPair.privateKey,
        outcome.value.keyPair.privateKey,
      ),
      "a key survives being written and read",
    );
    return `ok ${text.length === encodeIdentity(outcome.value).length}`;
  },
};

const ADDRESS = "localhost:9000";

/** Made at the first input; the process removes it when it ends. */
let folder: string | undefined;

function knownPeersPath(): string {
  if (folder === undefined) {
    const made = mkdtempSync(`${tmpdir()}/mxp-fuzz-`);
    folder = made;
    globalThis.addEventListener("unload", () => {
      rmSync(made, { recursive: true, force: true });
    });
  }
  return `${folder}/known_peers`;
}

const KNOWN_PEERS: FuzzTarget = {
  name: "known-peers",
  subject: "KnownPeers on a file of any bytes",
  seeds: () =>
    [
      "",
      `# comment\n${ADDRESS} ${KEY}\n`,
      `\r\n[::1]:1 ${KEY}\r\n\r\nb:2 ${KEY}`,
      `${ADDRESS} ${KEY}\n${ADDRESS} ${KEY.toLowerCase()}\n`,
    ].map((text) => encoder.encode(text)),
  dictionary: [`a:1 ${KEY}\n`, "\n", "\r", "#", " ", "\u00a0", "\ufeff"]
    .map((word) => encoder.encode(word)),
  run(input) {
    const path = knownPeersPath();
    writeFileSync(path, input);
    const peers = new KnownPeers(path, () => {});
    const found = attempt(CallError, () => peers.find(ADDRESS));
    const key = new Uint8Array(Buffer.from(KEY, "base64url"));
    const remembered = attempt(CallError, () => peers.remember(ADDRESS, key));
    if ("refusal" in found) {
      require("refusal" in remembered, "a broken file is not written over");
      require(
        isDeepStrictEqual(new Uint8Array(readFileSync(path)), input.slice()),
        "a broken file is left as it is",
      );
      return found.refusal.replace(path, "PATH");
    }
    require("value" in remembered, "a file that is read can be written");
    require(
      isDeepStrictEqual(peers.find(ADDRESS), key),
      "what was remembered is found",
    );
    return `ok ${signatureOf(found.value)} ${
      readFileSync(path, "utf8").split("\n").length
    }`;
  },
};

/** The targets of this file. */
export const TEXT_TARGETS: readonly FuzzTarget[] = [
  MXP_URL,
  AGENT_ID,
  IDENTITY,
  KNOWN_PEERS,
];
