/**
 * Reads a file of vectors.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** A vector that has to be refused. */
export interface Refused {
  /** What is wrong with it. */
  readonly name: string;
  /** Hexadecimal digits. */
  readonly bytes: string;
}

/**
 * Reads a file.
 *
 * @param name Its name in this folder.
 * @returns Its content, in the shape that its reader knows.
 */
export function readVectors<Shape>(name: string): Shape {
  const url = new URL(name, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as Shape;
}
