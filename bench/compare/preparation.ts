/**
 * What the machine has: brings the packages, makes the certificate, and says of
 * each peer what it is run with, or why it cannot be.
 *
 * @module
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Peer } from "./catalogue.ts";
import { createCertificate } from "./certificate.ts";
import type { Certificate } from "./driver.ts";
import { DENO_ARGUMENTS, PROJECT_CONFIG } from "../support/deno_arguments.ts";
import { runProgram } from "../support/run_program.ts";
import packages from "./packages/deno.json" with { type: "json" };

const HERE = fileURLToPath(new URL("./", import.meta.url));
const PACKAGES_CONFIG: string = join(HERE, "packages", "deno.json");
const MODULES: string = join(HERE, "packages", "node_modules");

/** Node finds the packages from here. */
const BUNDLES: string = join(MODULES, ".mxp_compare");

const INSTALL_TIMEOUT_MS = 120_000;
const BUNDLE_TIMEOUT_MS = 60_000;

/** How the two processes of a peer are started. */
export interface Runnable {
  /** The peer. */
  readonly peer: Peer;
  /** The program. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Keys, if it encrypts by TLS. */
  readonly certificate: Certificate | undefined;
  /** Whether its broker is there. */
  readonly hasBroker: boolean;
  /** Versions of what it is made of. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A peer that this machine cannot run. */
export interface Missing {
  /** The peer. */
  readonly peer: Peer;
  /** What it lacks. */
  readonly reason: string;
}

/** What there is. */
export interface Preparation {
  /** Those that can be measured, in the order of the catalogue. */
  readonly runnable: readonly Runnable[];
  /** The others. */
  readonly missing: readonly Missing[];
}

/** What is there for all peers together. */
interface Machine {
  readonly nodeVersion: string | undefined;
  readonly certificate: Certificate | undefined;
}

/**
 * Prepares peers.
 *
 * @param peers Which.
 * @param folder For files of this run.
 * @param say Told what takes a while.
 * @returns What can be run, and what is lacking.
 */
export async function prepare(
  peers: readonly Peer[],
  folder: string,
  say: (line: string) => void,
): Promise<Preparation> {
  const needs = (test: (peer: Peer) => boolean): boolean => peers.some(test);
  const node = needs(({ runtime }) => runtime === "node")
    ? await runProgram("node", ["--version"])
    : undefined;
  const machine: Machine = {
    // Deno stands in for a Node that is not there, and says so.
    nodeVersion: /^v(\d+\.\d+\.\d+)\s*$/.exec(node?.output ?? "")?.[1],
    certificate: needs(({ protection }) => protection === "TLS")
      ? await createCertificate(folder)
      : undefined,
  };
  if (needs((peer) => peer.packages !== undefined)) await installPackages(say);
  const runnable: Runnable[] = [];
  const missing: Missing[] = [];
  for (const peer of peers) {
    const found = await preparePeer(peer, machine);
    if (typeof found === "string") missing.push({ peer, reason: found });
    else runnable.push(found);
  }
  return { runnable, missing };
}

async function installPackages(say: (line: string) => void): Promise<void> {
  say("Packages of the peers: installing what is not there yet");
  const { code, output } = await runProgram(process.execPath, [
    "install",
    "--frozen",
    "--config",
    PACKAGES_CONFIG,
  ], { timeoutMs: INSTALL_TIMEOUT_MS });
  // Each peer says for itself which package it lacks.
  if (code !== 0) say(`Packages: ${output.trim().split("\n").at(-1)}`);
}

/** @returns How to run it, or what it lacks. */
async function preparePeer(
  peer: Peer,
  machine: Machine,
): Promise<Runnable | string> {
  const { certificate, nodeVersion } = machine;
  const versions: Record<string, string> = {};
  for (const name of peer.packages ?? []) {
    if (!existsSync(join(MODULES, name))) return `no package ${name}`;
    versions[name] = versionOf(name);
  }
  if (peer.protection === "TLS" && certificate === undefined) {
    return "no openssl, which makes the certificate";
  }
  const { broker } = peer;
  let hasBroker = false;
  if (broker !== undefined) {
    const found = await runProgram(broker.program, [broker.versionArgument]);
    hasBroker = found.output !== "";
    if (!hasBroker && broker.isOptional !== true) return `no ${broker.program}`;
    if (hasBroker) versions[broker.program] = findVersion(found.output);
  }
  const common = {
    peer,
    hasBroker,
    versions,
    certificate: peer.protection === "TLS" ? certificate : undefined,
  };
  const file = join(HERE, "peers", peer.file);
  if (peer.runtime === "deno") {
    const program = process.execPath;
    const ffi = peer.isFfiGranted === true ? ["--allow-ffi"] : [];
    return { ...common, program, args: [...DENO_ARGUMENTS, ...ffi, file] };
  }
  if (nodeVersion === undefined) return "no Node";
  versions.node = nodeVersion;
  const bundle = join(BUNDLES, peer.file.replace(".ts", ".mjs"));
  mkdirSync(BUNDLES, { recursive: true });
  const bundling = await runProgram(process.execPath, [
    "bundle",
    "--config",
    PROJECT_CONFIG,
    "--platform",
    "deno",
    "--output",
    bundle,
    file,
  ], { timeoutMs: BUNDLE_TIMEOUT_MS });
  if (bundling.code !== 0) {
    return `cannot be bundled: ${bundling.output.trim().split("\n").at(-1)}`;
  }
  return { ...common, program: "node", args: ["--expose-gc", bundle] };
}

function versionOf(name: string): string {
  const { imports } = packages;
  const specifier = imports[name as keyof typeof imports];
  return specifier.slice(specifier.lastIndexOf("@") + 1);
}

function findVersion(output: string): string {
  return /\d+(\.\d+)+/.exec(output)?.[0] ?? "unknown";
}
