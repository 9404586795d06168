import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyBytes,
  anyText,
  assertRefused,
  record,
} from "../tests/support/codec_properties.ts";
import { ProtocolError } from "./error.ts";
import { formatMxpUrl, type MxpUrl, parseMxpUrl } from "./mxp_url.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
const KEY_TEXT = "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA";

Deno.test("parseMxpUrl() reads every part", () => {
  assert.deepEqual(
    parseMxpUrl(`mxp://node.example:9100/summarizer?pk=${KEY_TEXT}`),
    {
      hostname: "node.example",
      port: 9100,
      agentId: "summarizer",
      publicKey: KEY,
    },
  );
});

Deno.test("parseMxpUrl() leaves out what is absent", () => {
  const localhost = { hostname: "localhost", port: 9000 };
  for (const rest of ["", "/", "?", "/?", ":9000", ":9000/?other=1"]) {
    assert.deepEqual(parseMxpUrl(`mxp://localhost${rest}`), localhost);
  }
  assert.deepEqual(parseMxpUrl("MXP://LOCALHOST"), localhost);
});

Deno.test("parseMxpUrl() reads addresses and names of every kind", () => {
  const hosts: [string, string][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["[::1]", "::1"],
    ["[2001:DB8:0:0::7]", "2001:db8::7"],
    ["Node-1.example", "node-1.example"],
    ["bücher.example", "xn--bcher-kva.example"],
  ];
  for (const [host, hostname] of hosts) {
    assert.deepEqual(parseMxpUrl(`mxp://${host}:1/a`), {
      hostname,
      port: 1,
      agentId: "a",
    });
  }
});

Deno.test("parseMxpUrl() decodes the agent", () => {
  assert.equal(parseMxpUrl("mxp://a/%C3%A9%2F%20b").agentId, "é/ b");
});

Deno.test("parseMxpUrl() refuses everything else with one line", () => {
  const urls = [
    "",
    "localhost",
    "http://localhost",
    "mxp:localhost",
    "mxp:/localhost",
    "mxp://",
    "mxp:///agent",
    "mxp://:9000",
    "mxp://host:",
    "mxp://host:0",
    "mxp://host:65536",
    "mxp://host:123456",
    "mxp://host:+1",
    "mxp://host:9000x",
    "mxp://user@host",
    "mxp://user:secret@host:1/",
    "mxp://host/a/b",
    "mxp://host/a/",
    "mxp://host//",
    "mxp://host\\a",
    "mxp://host/a#b",
    "mxp://ho st",
    " mxp://host",
    "mxp://host\n",
    "mxp://host/a b",
    "mxp://::1",
    "mxp://[::1",
    "mxp://[::1]x",
    "mxp://[1.2.3.4]",
    "mxp://1.2.3.400",
    "mxp://ho^st",
    "mxp://host/%",
    "mxp://host/%ff",
    "mxp://host/\ud800",
    "mxp://host?pk=",
    "mxp://host?pk=AAAA",
    `mxp://host?pk=${KEY_TEXT}=`,
    `mxp://host?pk=${KEY_TEXT.slice(0, 42)}B`,
    `mxp://host?pk=${KEY_TEXT.replace("_", "/")}`,
    `mxp://host?pk=${KEY_TEXT}&pk=${KEY_TEXT}`,
    `mxp://host/${"a".repeat(2048)}`,
  ];
  for (const url of urls) {
    assertRefused(() => parseMxpUrl(url), "INVALID_URL", "caller");
  }
  // Programs without types say these things as well.
  for (const url of [undefined, null, 9000, new URL("mxp://host")]) {
    const given = url as unknown as string;
    assertRefused(() => parseMxpUrl(given), "INVALID_URL", "caller");
  }
});

Deno.test("parseMxpUrl() says that an address with a zone has no place in a URL", () => {
  for (const zone of ["%25eth0", "%eth0", "%"]) {
    assert.throws(() => parseMxpUrl(`mxp://[fe80::1${zone}]:9000/a`), {
      code: "INVALID_URL",
      message: /^URL: host has a zone \(%\), .* use an address without one/,
    });
  }
  for (const url of ["mxp://[fe80::1", "mxp://[::1]%/", "mxp://[::1?%]"]) {
    assert.throws(() => parseMxpUrl(url), { message: /is not mxp:\/\/host/ });
  }
});

Deno.test("parseMxpUrl() takes any text: a URL or a ProtocolError", () => {
  const texts = fc.oneof(
    anyText,
    anyText.map((text) => `mxp://${text}`),
    anyText.map((text) => `mxp://host:1/${text}`),
    anyText.map((text) => `mxp://host?pk=${text}`),
  );
  fc.assert(fc.property(texts, (text) => {
    try {
      parseMxpUrl(text);
    } catch (error) {
      assert(error instanceof ProtocolError);
      assert.equal(error.code, "INVALID_URL");
      assert.equal(error.message.includes("\n"), false);
    }
  }));
});

Deno.test("formatMxpUrl() writes the one spelling", () => {
  assert.equal(
    formatMxpUrl({ hostname: "Localhost", port: 9000 }),
    "mxp://localhost:9000",
  );
  assert.equal(
    formatMxpUrl({
      hostname: "0:0::1",
      port: 9,
      agentId: "é/",
      publicKey: KEY,
    }),
    `mxp://[::1]:9/%C3%A9%2F?pk=${KEY_TEXT}`,
  );
});

Deno.test("parseMxpUrl() returns what was formatted", () => {
  const anyUrl = record<MxpUrl>(
    {
      hostname: fc.oneof(fc.domain(), fc.ipV4(), fc.constant("2001:db8::7")),
      port: fc.integer({ min: 1, max: 65535 }),
      agentId: fc.string({ unit: "binary", minLength: 1, maxLength: 50 }),
      publicKey: anyBytes(32),
    },
    ["agentId", "publicKey"],
  );
  fc.assert(fc.property(anyUrl, (url) => {
    const text = formatMxpUrl(url);
    assert.deepEqual(parseMxpUrl(text), {
      ...url,
      hostname: url.hostname.toLowerCase(),
    });
    assert.equal(formatMxpUrl(parseMxpUrl(text)), text);
  }));
});

Deno.test("formatMxpUrl() refuses parts that are none", () => {
  const good = { hostname: "host", port: 1 };
  const urls: MxpUrl[] = [
    { ...good, hostname: "" },
    { ...good, hostname: "a b" },
    { ...good, hostname: "a/b" },
    { ...good, hostname: "user@host" },
    { ...good, hostname: "host:1" },
    { ...good, hostname: "host?pk" },
    { ...good, port: 0 },
    { ...good, port: 65536 },
    { ...good, port: 1.5 },
    { ...good, agentId: "" },
    { ...good, agentId: "\ud800" },
    { ...good, agentId: "a".repeat(2048) },
    { ...good, publicKey: new Uint8Array(31) },
  ];
  for (const url of urls) {
    assertRefused(() => formatMxpUrl(url), "INVALID_VALUE", "caller");
  }
});
