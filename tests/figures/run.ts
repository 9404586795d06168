/**
 * The command: `deno task figures`. It prints how much of the published model a
 * bulk transfer reaches, and how long calls take, at three rates of random loss
 * over a path of 50 ms, and what packets that come late leave of a transfer: the
 * figures of `docs/performance.md`. Virtual time and fixed seeds: the same on
 * every machine.
 *
 * @module
 */
import { printLine } from "../../tools/print_line.ts";
import { parseNothing, taskOptions } from "../../tools/task.ts";
import {
  averageWindow,
  BULK_DATAGRAM_BYTES,
  cubicModel,
  goodput,
  renoModel,
} from "./bulk_transfer.ts";
import { measureCalls } from "./call_latency.ts";

const RTT_MS = 50;
const LOSS_RATES = [0.01, 0.05, 0.2];
/** Share of the datagrams that comes late, and by how many milliseconds. */
const LATE_PACKETS = [[0.02, 20], [0.1, 5], [0.01, 60]] as const;
const CALL_COUNT = 10_000;
const ROUNDS = 2_000;

/** What `--help` prints. */
const HELP: string =
  `Prints the figures of docs/performance.md that loss and lateness decide, in
virtual time: what a bulk transfer reaches, what packets that come late leave of
one, and how long calls take. Takes no options.
`;

function printBulk(): void {
  printLine(
    `Bulk: average window in datagrams of ${BULK_DATAGRAM_BYTES} bytes`,
  );
  printLine(
    "  loss   model   cubic  share   new-reno  share   cubic, 2 % 20 ms late",
  );
  for (const lossRate of LOSS_RATES) {
    // RFC 9438 §4.3: the larger of the two is what CUBIC aims at.
    const model = Math.max(renoModel(lossRate), cubicModel(lossRate, RTT_MS));
    const path = { rttMs: RTT_MS, lossRate, rounds: ROUNDS };
    const [cubic, reno] = (["cubic", "new-reno"] as const)
      .map((name) => averageWindow(name, path));
    const [lateRate, lateMs] = LATE_PACKETS[0];
    const late = averageWindow("cubic", { ...path, lateRate, lateMs });
    printLine(
      `${percent(lossRate)}  ${model.toFixed(2).padStart(6)}  ${
        share(cubic!, model)
      }     ${share(reno!, renoModel(lossRate))}   ${share(late, model)}`,
    );
  }
}

function printLate(): void {
  printLine("");
  printLine("Bulk: share of the goodput without late packets, at 40 MB/s");
  printLine("  late    by      cubic  new-reno");
  const columns = (["cubic", "new-reno"] as const).map((name) => {
    const clean = goodput(name, { lateRate: 0, lateMs: 0 });
    return LATE_PACKETS.map(([lateRate, lateMs]) =>
      (goodput(name, { lateRate, lateMs }) / clean).toFixed(2)
    );
  });
  LATE_PACKETS.forEach(([lateRate, lateMs], row) => {
    const shares = columns.map((column) => column[row]!.padStart(8));
    printLine(
      `${percent(lateRate)}  ${`${lateMs} ms`.padStart(5)}   ${
        shares.join("")
      }`,
    );
  });
}

function share(window: number, model: number): string {
  return `${window.toFixed(2).padStart(6)}  ${(window / model).toFixed(2)}`;
}

function percent(rate: number): string {
  return `${100 * rate} %`.padStart(6);
}

function printCalls(): void {
  printLine("");
  printLine(
    `Calls: 256 bytes and as many back, in round trips of ${RTT_MS} ms`,
  );
  printLine("  loss   started          p50    p90    p99  p99.9    max");
  for (const lossRate of LOSS_RATES) {
    for (const intervalMs of [undefined, 100, 20]) {
      const callMs = measureCalls({
        rttMs: RTT_MS,
        lossRate,
        callCount: CALL_COUNT,
        callBytes: 256,
        intervalMs,
        seed: 1,
      });
      const started = intervalMs === undefined
        ? "one by one"
        : `every ${intervalMs} ms`;
      const columns = [0.5, 0.9, 0.99, 0.999, 1].map((part) =>
        (callMs[Math.ceil(part * callMs.length) - 1]! / RTT_MS)
          .toFixed(2).padStart(6)
      );
      printLine(
        `${percent(lossRate)}   ${started.padEnd(13)} ${columns.join(" ")}`,
      );
    }
  }
}

if (import.meta.main) {
  taskOptions({ name: "figures", help: HELP, parse: parseNothing });
  printBulk();
  printLate();
  printCalls();
}
