import assert from "node:assert/strict";
import { run, Running } from "../support/mxp_process.ts";
import { decryptCapture, readKeyLog } from "../support/capture_decryptor.ts";
import { readPcap } from "../support/pcap_reader.ts";
import { eventsOf, packetNumbers, readQlog } from "../support/qlog_reader.ts";
import { withDirectory } from "../support/temporary_directory.ts";

/** The only file of a directory. */
function onlyFile(directory: string): { name: string; bytes: Uint8Array } {
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assert.equal(names.length, 1, names.join());
  const [name = ""] = names;
  return { name, bytes: Deno.readFileSync(`${directory}/${name}`) };
}

Deno.test("mxp --qlog, --pcap and --key-log write what both processes did", async () => {
  await withDirectory(async (directory) => {
    const node = Running.start([
      "start",
      "--json",
      "--bind",
      "127.0.0.1:0",
      "--qlog",
      `${directory}/node`,
    ]);
    const { url } = JSON.parse(await node.until(/\n/));
    const ping = await run([
      "ping",
      url,
      "--json",
      "--qlog",
      `${directory}/ping`,
      "--pcap",
      `${directory}/ping.pcap`,
      "--key-log",
      `${directory}/keys`,
    ]);
    const { code, stderr } = await node.stop();
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.equal(ping.code, 0, ping.stderr);
    assert.equal(typeof JSON.parse(ping.stdout).rttMs, "number");
    assert.match(ping.stderr, /^mxp: Key log: [^\n]+ can decrypt[^\n]+\n$/);

    const client = onlyFile(`${directory}/ping`);
    const server = onlyFile(`${directory}/node`);
    assert.equal(
      client.name.replace("_client", ""),
      server.name.replace("_server", ""),
    );
    const [sent, arrived] = [readQlog(client.bytes), readQlog(server.bytes)];
    const numbers = packetNumbers(sent, "packet_sent");
    for (const number of packetNumbers(arrived, "packet_received")) {
      assert.ok(numbers.includes(number));
    }
    assert.equal(eventsOf(sent, "connection_closed")[0]!.data.error, "CLOSED");
    assert.equal(
      eventsOf(arrived, "connection_closed")[0]!.data.error,
      "CLOSED_BY_PEER",
    );

    for (const name of ["ping.pcap", "keys"]) {
      assert.equal(Deno.statSync(`${directory}/${name}`).mode! & 0o777, 0o600);
    }
    const captured = readPcap(Deno.readFileSync(`${directory}/ping.pcap`));
    const keys = readKeyLog(Deno.readTextFileSync(`${directory}/keys`));
    const opened = decryptCapture(captured, keys);
    assert.deepEqual(
      opened.map(({ packetNumber }) => packetNumber).toSorted(),
      [...numbers, ...packetNumbers(sent, "packet_received")].toSorted(),
    );
  });
});

Deno.test("MXP_QLOGDIR and MXP_KEYLOGFILE stand in for the options", async () => {
  await withDirectory(async (directory) => {
    const env = {
      MXP_QLOGDIR: `${directory}/qlog`,
      MXP_KEYLOGFILE: `${directory}/keys`,
    };
    const { code, stderr } = await run(
      ["ping", "mxp://127.0.0.1:9", "--timeout", "300"],
      { env },
    );
    assert.equal(code, 3, stderr);
    const log = readQlog(onlyFile(`${directory}/qlog`).bytes);
    assert.ok(eventsOf(log, "packet_sent").length >= 1);
    assert.equal(
      eventsOf(log, "connection_state_updated").at(-1)!.data.new,
      "closed",
    );
    assert.equal(Deno.readTextFileSync(`${directory}/keys`), "");
  });
});

Deno.test("mxp says which log it cannot write, and tries nothing", async () => {
  await withDirectory(async (directory) => {
    const { code, stdout, stderr } = await run([
      "ping",
      "mxp://127.0.0.1:9",
      "--pcap",
      `${directory}/none/log.pcap`,
    ]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^mxp: Log file [^\n]+log\.pcap: it cannot be written[^\n]*\n$/,
    );
  });
});
