/**
 * The node under attack, as a process of its own. It prints its URL, and a
 * {@linkcode VictimReport} as a line of JSON for each line that it reads.
 *
 * @module
 */
import { Node } from "../../mod.ts";
import type { Carrier } from "../../transport/carrier/carrier.ts";
import { createUdpCarrier } from "../../transport/carrier/udp.ts";
import { answerLines, printLine } from "../support/line_process.ts";

/** How the node is. */
export interface VictimReport {
  /** Its resident memory, in bytes. */
  readonly residentBytes: number;
  /** Datagrams that its socket gave it; the system drops what finds no room. */
  readonly datagramsReceived: number;
  /** Datagrams that it sent. */
  readonly datagramsSent: number;
}

const counts = { received: 0, sent: 0 };

/** A carrier that counts. */
function counting(carrier: Carrier): Carrier {
  return {
    localAddress: carrier.localAddress,
    maxDatagramBytes: carrier.maxDatagramBytes,
    stats: carrier.stats,
    start: (onDatagram, onError) =>
      carrier.start((datagram, from) => {
        counts.received++;
        onDatagram(datagram, from);
      }, onError),
    send: (datagram, to) => {
      counts.sent++;
      return carrier.send(datagram, to);
    },
    close: () => carrier.close(),
  };
}

function report(): VictimReport {
  return {
    residentBytes: Deno.memoryUsage().rss,
    datagramsReceived: counts.received,
    datagramsSent: counts.sent,
  };
}

if (import.meta.main) {
  const carrier = await createUdpCarrier({ hostname: "127.0.0.1", port: 0 });
  const node = await Node.start({ carrier: counting(carrier) });
  printLine(node.url);
  await answerLines(() => JSON.stringify(report()));
  await node.close();
}
