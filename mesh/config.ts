/**
 * Limits and defaults of agents, each with its unit and its reason.
 *
 * @module
 */
import { MAX_CONCURRENT_REQUESTS } from "./node_config.ts";

/** Total time of a call when the caller names none, in milliseconds: a person would still wait. */
export const DEFAULT_CALL_TIMEOUT_MS = 30_000;

/**
 * Longest silence in a stream when the caller names no idle limit, in
 * milliseconds. Each chunk starts it again, so a long answer of a language
 * model takes as long as it needs.
 */
export const DEFAULT_STREAM_IDLE_TIMEOUT_MS = 60_000;

/** Largest time limit that the envelope carries, in milliseconds (u32). */
export const MAX_TIMEOUT_MS = 0xffffffff;

/**
 * Calls that one agent works on at a time; the next one gets `RESOURCE_EXHAUSTED`,
 * unless others wait and it works on none of this caller.
 * As many may one caller have that run or wait for those of its own: so many
 * streams may be open on one connection.
 */
export const MAX_HANDLERS_IN_FLIGHT = 1_024;

/**
 * As long as an agent works on fewer calls than this, whoever comes is served: one that
 * may run few at a time is to run them for a caller that is alone, too.
 */
export const UNSHARED_HANDLERS = 64;

/** The part of these calls that all callers share: the rest is for those with few. */
export const SHARED_HANDLERS: number = 3 / 4;

/**
 * Calls that one caller, known by its key, may have of that part, as a multiple of
 * what is free of it: half of all calls when it is alone.
 */
export const HANDLERS_PER_FREE_ONE = 2;

/** Calls that one caller may have as long as the agent works on any more. */
export const FEW_HANDLERS = 8;

/** What a refused caller is told to wait before it tries again, in milliseconds. */
export const RETRY_AFTER_MS = 1_000;

/** Longest error message that a handler's exception becomes, in characters. */
export const MAX_ERROR_MESSAGE_LENGTH = 500;

/** Direct connections that an agent keeps to other agents. */
export const MAX_PEER_CONNECTIONS = 256;

/**
 * Calls that wait for a direct connection since all of them are in use; the next one
 * gets `RESOURCE_EXHAUSTED`.
 */
export const MAX_CALLS_WITHOUT_PLACE = 16_384;

/** A direct connection without calls is closed after this time, in milliseconds. */
export const PEER_IDLE_TIMEOUT_MS = 60_000;

/** Time for a direct connection to an agent that the registry names, in milliseconds. */
export const PEER_CONNECT_TIMEOUT_MS = 3_000;

/**
 * What has to be left of that for another attempt, where a call has waited for one
 * that began before it, in milliseconds: one nearby answers well within it.
 */
export const MIN_PEER_CONNECT_MS = 250;

/**
 * How long an agent that the registry names is waited for before the node is asked
 * whether it is still there, in milliseconds: one nearby has answered by then.
 */
export const DIAL_PATIENCE_MS = 50;

/**
 * From how many probes without an answer on an agent is silent, and calls go to
 * others: one is lost now and then.
 */
export const SILENT_PROBE_COUNT = 2;

/** Time for the connection to the node in `Agent.connect`, in milliseconds. */
export const NODE_CONNECT_TIMEOUT_MS = 5_000;

/** How long the candidates of a discovery are reused, in milliseconds. */
export const DISCOVERY_CACHE_MS = 1_000;

/**
 * How long a call waits for the node when it knows where it could go, in
 * milliseconds: a node on another continent has answered by then.
 */
export const DISCOVERY_PATIENCE_MS = 500;

/** How many different discoveries are remembered, unless there may be more connections. */
export const MAX_DISCOVERY_CACHE = 256;

/** Candidates that a call tries, one after the other, before it gives up. */
export const MAX_CALL_CANDIDATES = 4;

/** The same with those that the registry does not name any more: a registry may change all the time. */
export const MAX_CALL_ATTEMPTS: number = 4 * MAX_CALL_CANDIDATES;

/**
 * Close code of an agent that has left the mesh: it has answered every request
 * that it began, so one without an answer may go to another agent.
 */
export const CLOSE_CODE_LEFT = 0x100;

/**
 * How long the node may take to answer a request, in milliseconds, unless the path
 * is a slow one; so long a request waits to be sent.
 */
export const NODE_REQUEST_TIMEOUT_MS = 3_000;

/**
 * The same over the slowest path, in milliseconds: below the ten seconds after
 * which a request and a silent connection end by themselves.
 */
export const MAX_NODE_REQUEST_TIMEOUT_MS = 9_000;

/**
 * The part of the interval after which the next heartbeat is sent: when two were
 * lost, the third still arrives before the lease ends.
 */
export const HEARTBEAT_PACE = 0.95;

/**
 * How long the answer to a heartbeat is waited for at least before the next one
 * is sent, in milliseconds: a node on another continent has answered by then.
 */
export const MIN_HEARTBEAT_TIMEOUT_MS = 500;

/**
 * Requests of an agent that are under way at its node; the others wait. What
 * the node takes beyond is for heartbeats, and for requests that were given up
 * and are at work there.
 */
export const MAX_NODE_REQUESTS_IN_FLIGHT: number = MAX_CONCURRENT_REQUESTS - 8;

/** First pause before a lost node is tried again, in milliseconds; it doubles. */
export const RECONNECT_MIN_MS = 100;

/** Longest pause between two attempts to reach a lost node, in milliseconds. */
export const RECONNECT_MAX_MS = 5_000;

/**
 * How long an agent that takes no more connections is left alone first, in
 * milliseconds; it doubles.
 */
export const REFUSED_MIN_MS = 100;

/** Longest time for which such an agent is left alone, in milliseconds. */
export const REFUSED_MAX_MS: number = RETRY_AFTER_MS;

/** Events that wait for a slow reader; the oldest is dropped, and counted, at the bound. */
export const MAX_QUEUED_EVENTS = 1_024;

/** Answers that are kept for idempotency keys; the oldest is forgotten at the bound. */
export const MAX_STORED_ANSWERS = 1_024;

/** Bytes of answers that are kept for idempotency keys. */
export const MAX_STORED_ANSWER_BYTES: number = 16 * 1024 * 1024;

/** How long an answer is kept for its idempotency key, in milliseconds. */
export const STORED_ANSWER_LIFETIME_MS: number = 10 * 60_000;

/** Longest idempotency key, in UTF-16 units. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 256;

/** Values below this size are not worth compressing with `compress: "auto"`, in bytes. */
export const MIN_COMPRESSED_BYTES = 1_024;

/** How long `close()` waits for the node to hear of it, in milliseconds. */
export const LEAVE_TIMEOUT_MS = 1_000;

/** How long `close()` waits for the running handlers and for their answers to arrive, in milliseconds. */
export const DRAIN_TIMEOUT_MS = 10_000;

/**
 * Bytes of unfinished requests that one agent holds, over all its callers. One of
 * them, known by its key, may hold as much as is free of it: half when it is alone.
 */
export const MAX_BUFFERED_REQUEST_BYTES: number = 256 * 1024 * 1024;

/** The same that one caller may hold however much others do: a small request. */
export const RESERVED_REQUEST_BYTES: number = 16 * 1024;

/**
 * Size from which on a request, or a chunk of input, takes turns with others to the
 * same callee, in bytes.
 */
export const LARGE_REQUEST_BYTES: number = 64 * 1024;

/**
 * Bytes of large requests, and large chunks of input, that are under way on a
 * connection: of what a callee holds of unfinished ones they find room in a quarter of
 * the share of a caller that is alone.
 */
export const MAX_UPLOAD_BYTES: number = 32 * 1024 * 1024;

/** What a request that waits for a handler counts beside its payload: its stream and its call. */
export const WAITING_REQUEST_BYTES = 4_096;

/**
 * Longest silence in a request that has begun to arrive, in milliseconds: a slow
 * caller may take its time, but not our memory. It is looked at as rarely.
 */
export const REQUEST_SILENCE_MS = 30_000;
