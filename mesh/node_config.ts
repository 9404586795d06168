/**
 * Bounds and defaults of a node: whatever a peer can make it do or keep.
 *
 * @module
 */
import { DEFAULT_LEASE_MS } from "../registry/mod.ts";

/** Port of a node when nobody says otherwise: that of `mxp://` URLs. */
export const DEFAULT_NODE_PORT = 9000;

/** Where a node listens when nobody says otherwise: this machine only. */
export const DEFAULT_NODE_HOSTNAME = "127.0.0.1";

/** Shortest lease that an agent can ask for, in milliseconds. */
export const MIN_REQUESTED_LEASE_MS = 3_000;

/** Longest lease that an agent can ask for, in milliseconds. */
export const MAX_REQUESTED_LEASE_MS: number = 20 * DEFAULT_LEASE_MS;

/** How often ended leases are swept, in milliseconds. */
export const SWEEP_INTERVAL_MS = 1_000;

/** Requests and event streams of one connection served at a time. */
export const MAX_CONCURRENT_REQUESTS = 128;

/** Connections served at a time. */
export const MAX_NODE_CONNECTIONS = 4_096;

/**
 * Time for a request or for an event that has begun to arrive, and for its answer to
 * be taken, in milliseconds.
 */
export const REQUEST_TIMEOUT_MS = 10_000;

/** Largest payload that a node takes, in bytes: an event with 1 MiB of content. */
export const MAX_NODE_PAYLOAD_BYTES: number = 1024 * 1024 + 1024;

/** Largest register, discover or heartbeat payload, in bytes. */
export const MAX_CONTROL_PAYLOAD_BYTES: number = 64 * 1024;

/** Most bytes of records in one answer to a discovery. */
export const MAX_DISCOVER_REPLY_BYTES: number = 1024 * 1024;

/**
 * Bytes of unfinished requests and of answers that a node holds, over all
 * connections. Those of one key may hold as much as is free.
 */
export const MAX_NODE_REQUEST_BYTES: number = 256 * 1024 * 1024;

/** The same that one key may hold however much others do: heartbeats, small events. */
export const RESERVED_NODE_REQUEST_BYTES: number = 16 * 1024;

/** Bytes of events that wait, over all subscribers; what several wait for counts once. */
export const MAX_NODE_QUEUE_BYTES: number = 256 * 1024 * 1024;

/** Registrations that one key may send at once, before the rate counts. */
export const REGISTRATION_BURST = 128;

/** Registrations of one key per second, each a durable write. */
export const REGISTRATIONS_PER_SECOND = 10;

/** What a peer over one of these limits is told to wait, in milliseconds. */
export const NODE_RETRY_AFTER_MS = 1_000;

/** Longest event topic, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 255;

/** Subscriptions of one connection. */
export const MAX_SUBSCRIPTIONS_PER_CONNECTION = 256;

/** Subscriptions of a node. One key may have a quarter as many as are free. */
export const MAX_SUBSCRIPTIONS = 65_536;

/** Subscriptions that one key may have however many others do. */
export const RESERVED_SUBSCRIPTIONS = 16;

/** Events that wait for one subscriber; at the bound the oldest is dropped. */
export const MAX_SUBSCRIBER_QUEUE_EVENTS = 1_024;

/** Bytes of events that wait for one subscriber; at the bound the oldest is dropped. */
export const MAX_SUBSCRIBER_QUEUE_BYTES: number = 4 * 1024 * 1024;

/** Bytes of events that may wait for one subscriber however many wait for others. */
export const RESERVED_SUBSCRIBER_QUEUE_BYTES: number = 16 * 1024;
