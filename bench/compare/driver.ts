/**
 * What a peer has to be able to do to be measured, in one process or the other.
 *
 * @module
 */

/** How a connection starts: a whole handshake, a shortened one, or none to wait for. */
export type SetUpKind = "fresh" | "resumed" | "zero-rtt";

/** Keys for TLS, made for this run. */
export interface Certificate {
  /** The authority that clients trust, PEM. */
  readonly authority: string;
  /** The server's certificate for 127.0.0.1 and localhost, PEM. */
  readonly certificate: string;
  /** Its private key, PEM. */
  readonly privateKey: string;
}

/** What both processes of a peer are told. */
export interface PeerContext {
  /** Keys, for the peers that encrypt by TLS. */
  readonly certificate?: Certificate;
  /** Port of the broker on 127.0.0.1, for the peers that have one. */
  readonly brokerPort?: number;
}

/** Messages to be sent to the client. */
export interface StreamRequest {
  /** How many. */
  readonly count: number;
  /** Size of each, in bytes. */
  readonly bytes: number;
}

/** How to connect. */
export interface ConnectOptions {
  /** Packets of at most 1,200 bytes; for the drivers that have `holdsPacketSize`. */
  readonly smallPackets?: boolean;
}

/** The answering process. */
export interface PeerServer {
  /** What the client has to know to connect; opaque for everybody else. */
  readonly address: string;
  /** Gives everything back. */
  close(): Promise<void> | void;
}

/** One connection of the asking process. */
export interface PeerConnection {
  /**
   * Asks once.
   *
   * @param payload What the server sends back.
   * @returns The answer's bytes.
   */
  call(payload: Uint8Array): Promise<Uint8Array>;
  /**
   * Has the server send messages, one by one, as its user would.
   *
   * @param request How many, of which size.
   * @param onMessage Called with each, whole; borrowed until it returns.
   * @returns Resolves when all of them are there.
   */
  stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void>;
  /** Ends the connection. */
  close(): Promise<void> | void;
}

/** A connection that is about to be made. */
export interface SetUp {
  /** Connects and asks once: this is what is timed. */
  firstAnswer(payload: Uint8Array): Promise<Uint8Array>;
  /**
   * Whether it came about as it was asked to: one without the session to resume,
   * for example, does not count.
   *
   * @default {true}
   */
  isAsAsked?(): boolean;
  /** Ends it. */
  close(): Promise<void> | void;
}

/** Turns a message of 256 bytes into bytes and back, in one process. */
export interface PeerCodec {
  /** Encodes. */
  encode(): void;
  /** Decodes, and verifies if the format can. */
  decode(): void;
}

/** One peer. */
export interface PeerDriver {
  /** Which starts it has beside the fresh one. */
  readonly setUpKinds?: readonly SetUpKind[];
  /** How many starts warm it up, where it becomes slower after more. */
  readonly maxWarmUpSetUps?: number;
  /** Whether `smallPackets` is something it can do. */
  readonly holdsPacketSize?: boolean;
  /** Whether there is nothing that an idle connection could take up. */
  readonly isConnectionless?: boolean;
  /** Starts the answering side. */
  startServer(context: PeerContext): Promise<PeerServer> | PeerServer;
  /** Connects to it. */
  connect(
    context: PeerContext,
    address: string,
    options: ConnectOptions,
  ): Promise<PeerConnection>;
  /**
   * Makes ready for one connection; without it, {@linkcode PeerDriver.connect}
   * and a call are what is timed. Gives nothing for a kind that it does not have
   * after all.
   */
  setUp?(
    context: PeerContext,
    address: string,
    kind: SetUpKind,
  ): Promise<SetUp | undefined>;
  /** Opens a connection that then does nothing; without it, a connection and a call. */
  connectIdle?(
    context: PeerContext,
    address: string,
  ): Promise<{ close(): Promise<void> | void }>;
  /** Its format for messages, if it has one. */
  createCodec?(): Promise<PeerCodec> | PeerCodec;
}
