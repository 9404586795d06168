/**
 * Inputs on disk: the committed corpus and the findings of a run.
 *
 * @module
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { xxh3_64 } from "../../protocol/mod.ts";
import type { KeptInput } from "./fuzzer.ts";

const CORPUS = fileURLToPath(new URL("corpus/", import.meta.url));
const FINDINGS = fileURLToPath(new URL("findings/", import.meta.url));

/** Most inputs of one target that are committed. */
const MAX_FILES = 24;

/** Most bytes of one target that are committed. */
const MAX_BYTES = 5_000;

/**
 * Reads the corpus of a target.
 *
 * @param name The target.
 * @returns Its inputs in a fixed order, by file name.
 */
export function readCorpus(name: string): Map<string, Uint8Array> {
  const folder = `${CORPUS}${name}`;
  if (!existsSync(folder)) return new Map();
  return new Map(
    readdirSync(folder).sort().map((
      file,
    ) => [file, new Uint8Array(readFileSync(`${folder}/${file}`))]),
  );
}

/** The folders of the corpus: one for each target that has one. */
export function corpusFolders(): string[] {
  return existsSync(CORPUS) ? readdirSync(CORPUS).sort() : [];
}

/**
 * Replaces the corpus of a target by a choice of what a run kept: short inputs,
 * one of each class of outcome before a second of any.
 *
 * @param name The target.
 * @param kept What the run kept.
 * @param seeds Inputs that the target makes itself: not written.
 * @returns How many were written.
 */
export function writeCorpus(
  name: string,
  kept: readonly KeptInput[],
  seeds: readonly Uint8Array[],
): number {
  const folder = `${CORPUS}${name}`;
  const known = new Set(seeds.map(nameOf));
  const classes = new Map<string, Uint8Array[]>();
  for (const { signature, input } of kept) {
    if (known.has(nameOf(input))) continue;
    const key = signature.split(" ")[0]!;
    classes.set(key, [...classes.get(key) ?? [], input]);
  }
  for (const inputs of classes.values()) {
    inputs.sort((a, b) => a.length - b.length);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let fileCount = 0;
  let byteCount = 0;
  for (let turn = 0; fileCount < MAX_FILES; turn++) {
    const inputs = [...classes.values()].flatMap((list) => list[turn] ?? []);
    if (inputs.length === 0) break;
    for (const input of inputs) {
      if (fileCount >= MAX_FILES || byteCount + input.length > MAX_BYTES) break;
      writeFileSync(`${folder}/${nameOf(input)}`, input);
      fileCount++;
      byteCount += input.length;
    }
  }
  return fileCount;
}

/**
 * Writes an input that broke something.
 *
 * @param name The target.
 * @param input The input.
 * @returns Path of the file.
 */
export function writeFinding(name: string, input: Uint8Array): string {
  mkdirSync(FINDINGS, { recursive: true });
  const path = `${FINDINGS}${name}-${nameOf(input)}`;
  writeFileSync(path, input);
  return path;
}

function nameOf(input: Uint8Array): string {
  return xxh3_64(input).toString(16).padStart(16, "0");
}
