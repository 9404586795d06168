/**
 * Moving a connection to another port.
 *
 * @module
 */
import { isEqualConstantTime } from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import { systemClock } from "../../transport/mod.ts";
import { check } from "../clause.ts";
import type { RawConnection } from "./raw_connection.ts";
import type { UdpSocket } from "./udp_socket.ts";

/**
 * Sends a path challenge from a socket until it is answered there.
 *
 * @param connection The connection.
 * @param socket Where it goes on.
 * @param until When to give up.
 * @throws {ClauseFailure} When the answer does not come.
 */
export async function expectPathResponse(
  connection: RawConnection,
  socket: UdpSocket,
  until: Instant,
): Promise<void> {
  const data = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);
  const challenge = Uint8Array.of(0x50, 0x02, ...data);
  const isAnswered = (): boolean =>
    connection.frames.some(({ frame, socket: at }) =>
      frame.type === "path-response" && at === socket &&
      isEqualConstantTime(frame.data, data)
    );
  connection.isAcking = false;
  let sendAt = systemClock();
  while (!isAnswered()) {
    const now = systemClock();
    check(now < until, "a PathChallenge from a new port is not answered there");
    if (now >= sendAt) {
      connection.send(challenge, { socket });
      sendAt = now + 400;
    }
    const received = await socket.receive(Math.min(until, sendAt));
    if (received !== undefined) {
      connection.take(received.bytes, received.at, socket);
    }
  }
  connection.isAcking = true;
}
