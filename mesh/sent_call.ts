/**
 * A call that waits for a stream, or for its answer.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { Attempt } from "./attempt.ts";
import type { OutgoingRequest } from "./outgoing_request.ts";
import type { Peer } from "./peer_connections.ts";

/**
 * A call of which one attempt is under way. A class for the reason that
 * `CallContext` is one.
 */
export class SentCall {
  /**
   * @param request What is asked for.
   * @param peers Whom it may go to, the one that is tried first.
   * @param attempt How far it has come there.
   */
  constructor(
    readonly request: OutgoingRequest,
    readonly peers: Peer[],
    readonly attempt: Attempt,
  ) {}
}

keepHiddenClass(new SentCall(undefined as never, [], new Attempt()));
