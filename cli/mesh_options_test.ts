import assert from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import { join } from "node:path";
import { parseMxpUrl } from "../protocol/mod.ts";
import type { CommandContext } from "./context.ts";
import {
  findKnownPeers,
  findNode,
  parseMilliseconds,
  parseSuites,
  requireNode,
} from "./mesh_options.ts";
import { Output } from "./output.ts";

const CONTEXT: CommandContext = {
  output: new Output({ isJson: false }),
  interruption: new AbortController().signal,
  environment: (name) => name === "XDG_CONFIG_HOME" ? "config" : undefined,
  mayRead: () => true,
};

Deno.test("parseSuites() keeps the order of the names", () => {
  assert.deepEqual(parseSuites("aes-256-gcm"), ["aes-256-gcm"]);
  assert.deepEqual(parseSuites("aes-256-gcm, chacha20-poly1305"), [
    "aes-256-gcm",
    "chacha20-poly1305",
  ]);
});

Deno.test("parseSuites() refuses what is no suite, is named twice, or is nothing", () => {
  for (
    const text of [
      "",
      ",",
      "rot13",
      "aes-256-gcm,",
      "aes-256-gcm,rot13",
      "aes-256-gcm,aes-256-gcm",
      "AES-256-GCM",
    ]
  ) {
    assert.throws(() => parseSuites(text), InvalidArgumentError, text);
  }
});

Deno.test("parseMilliseconds() takes whole milliseconds, and names the bounds", () => {
  assert.equal(parseMilliseconds("1"), 1);
  assert.equal(parseMilliseconds("2147483647"), 2_147_483_647);
  for (const text of ["", "0", "-1", "1.5", "1s", "1e3", "2147483648"]) {
    assert.throws(
      () => parseMilliseconds(text),
      (error) =>
        error instanceof InvalidArgumentError &&
        error.message ===
          "It is not a number of milliseconds from 1 to 2147483647.",
      text,
    );
  }
});

Deno.test("findKnownPeers() remembers no peer on this machine, unless a file is named", () => {
  const find = (host: string, knownPeers?: string): string | undefined =>
    findKnownPeers(
      parseMxpUrl(`mxp://${host}:9000`),
      knownPeers === undefined ? {} : { knownPeers },
      CONTEXT,
    );
  for (
    const host of [
      "localhost",
      "127.0.0.1",
      "127.255.0.3",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
    ]
  ) {
    assert.equal(find(host), undefined, host);
    assert.equal(find(host, "peers"), "peers");
  }
  for (
    const host of [
      "example.org",
      "127.example.org",
      "128.0.0.1",
      "[::]",
      "[::2]",
      "[::7f00:1]",
      "[::ffff:10.0.0.1]",
    ]
  ) {
    assert.equal(find(host), join("config", "mxp", "known_peers"), host);
  }
});

Deno.test("findNode() names the variable whose URL is wrong", () => {
  const context = { ...CONTEXT, environment: () => "localhost:9000" };
  assert.throws(() => findNode(undefined, {}, context), {
    code: "INVALID_URL",
    message: "MXP_NODE: URL: does not start with mxp://",
  });
  assert.throws(() => findNode(undefined, { node: "localhost" }, context), {
    message: "URL: does not start with mxp://",
  });
});

Deno.test("requireNode() says when the variable that may name a node cannot be read", () => {
  const message = "name a node: --node mxp://host:port?pk=… or MXP_NODE";
  assert.throws(() => requireNode(undefined, CONTEXT), { message });
  const context = { ...CONTEXT, mayRead: () => false };
  assert.throws(() => requireNode(undefined, context), {
    message: `${message}, which needs --allow-env=MXP_NODE`,
  });
});
