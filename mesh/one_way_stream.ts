/**
 * The mesh sends nothing one way. What a peer sends so is no request: nobody could
 * be told what became of it.
 *
 * @module
 */
import { isUnidirectional } from "../protocol/mod.ts";
import type { TransportStream } from "../transport/mod.ts";
import { StatusCode } from "./status_code.ts";

/**
 * Stops a stream of the peer that runs one way.
 *
 * Spec: docs/spec/messages.md, "Exchanges".
 *
 * @param stream The stream.
 * @returns Whether it was one: nothing is left to be done then.
 */
export function stopOneWay(stream: TransportStream): boolean {
  if (!isUnidirectional(stream.id)) return false;
  stream.stopSending(StatusCode.UNIMPLEMENTED);
  return true;
}
