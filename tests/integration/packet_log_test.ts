import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  generateKeyPair,
  hkdfExpandSha256,
  type KeyPair,
} from "../../crypto/mod.ts";
import { combineObservers, PacketLog } from "../../observability/mod.ts";
import { ByteReader, decodeFrame, type Frame } from "../../protocol/mod.ts";
import {
  systemRandom,
  type TrafficSecret,
  Transport,
} from "../../transport/mod.ts";
import { decryptCapture, readKeyLog } from "../support/capture_decryptor.ts";
import { collectUncaught } from "../support/uncaught_errors.ts";
import { readPcap } from "../support/pcap_reader.ts";
import {
  eventsOf,
  packetNumbers,
  type ReadQlog,
  readQlog,
} from "../support/qlog_reader.ts";
import {
  bindTransport,
  echoStreams,
  request,
  withTransports,
} from "../support/transport_pair.ts";
import { withDirectory } from "../support/temporary_directory.ts";

const MARK = "a plaintext that must not be seen";

/** Every file below a directory, by its name. */
function readFiles(directory: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { name, isFile } of Deno.readDirSync(directory)) {
    if (isFile) files.set(name, Deno.readFileSync(`${directory}/${name}`));
  }
  return files;
}

/** The two ends' logs of the only connection in a directory. */
function readBoth(directory: string): { client: ReadQlog; server: ReadQlog } {
  const files = [...readFiles(directory)];
  const find = (side: string): ReadQlog => {
    const found = files.filter(([name]) => name.endsWith(`_${side}.sqlog`));
    assert.equal(found.length, 1, files.map(([name]) => name).join());
    return readQlog(found[0]![1]);
  };
  return { client: find("client"), server: find("server") };
}

/** Whether this process has a file open. Linux only. */
async function isOpen(file: string): Promise<boolean> {
  const args = ["-l", `/proc/${Deno.pid}/fd`];
  const { stdout } = await new Deno.Command("ls", { args }).output();
  return new TextDecoder().decode(stdout).includes(file);
}

function markedBytes(length: number): Uint8Array {
  const text = new TextEncoder().encode(MARK);
  return Uint8Array.from({ length }, (_, index) => text[index % text.length]!);
}

Deno.test("PacketLog writes what both ends of a real connection did, and the two agree", async () => {
  await withDirectory(async (directory) => {
    const log = PacketLog.open({ qlogDirectory: directory });
    const payload = markedBytes(300_000);
    await withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      assert.equal((await request(outgoing, payload)).length, payload.length);
      await outgoing.ping();
      await incoming.ping();
    }, { both: { observe: log.observe } });
    await log.close();
    assert.equal(log.stats.recordsDropped, 0);

    const { client, server } = readBoth(directory);
    assert.equal(
      client.header.trace.common_fields.group_id,
      server.header.trace.common_fields.group_id,
    );
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const sent = packetNumbers(from, "packet_sent");
      const steps = sent.map((number, index) =>
        number - (sent[index - 1] ?? -1)
      );
      // Now and then a number is left out.
      assert.ok(steps.every((step) => step === 1 || step === 2), `${sent}`);
      const arrived = packetNumbers(to, "packet_received");
      const lost = packetNumbers(from, "packet_lost");
      const accounted = new Set([...arrived, ...lost]);
      // The transports close without waiting: the last packets are on their way.
      const open = sent.filter((number) => !accounted.has(number));
      assert.ok(open.every((number) => sent.slice(-4).includes(number)));
      assert.ok(arrived.every((number) => sent.includes(number)));
    }
    const states = eventsOf(client, "connection_state_updated");
    assert.deepEqual(states.slice(0, 3).map(({ data }) => data.new), [
      "handshaking",
      "established",
      "closing",
    ]);
    const bytes = eventsOf(server, "packet_received")
      .flatMap(({ data }) => data.frames ?? [])
      .filter(({ frame_type }) => frame_type === "stream")
      .reduce((sum, { length }) => sum + Number(length), 0);
    assert.ok(bytes >= payload.length);
    assert.equal(
      eventsOf(client, "connection_closed")[0]!.data.error,
      "CLOSED",
    );
  });
});

for (
  const suite of [
    "chacha20-poly1305",
    "aes-256-gcm",
    "x25519-mlkem768-chacha20-poly1305",
  ] as const
) {
  Deno.test(`PacketLog: a capture opens with the key log, over key updates (${suite})`, async () => {
    await withDirectory(async (directory) => {
      const warnings: string[] = [];
      const log = PacketLog.open({
        pcapFile: `${directory}/log.pcap`,
        keyLogFile: `${directory}/keys`,
        qlogDirectory: `${directory}/qlog`,
        onWarning: (message) => warnings.push(message),
      });
      const config = {
        suites: [suite],
        keyUpdatePackets: 20,
        maxDatagramBytes: 1_472,
      };
      const payload = markedBytes(200_000);
      await withTransports(async ({ outgoing, incoming }) => {
        echoStreams(incoming);
        await request(outgoing, payload);
      }, { both: { config }, client: { observe: log.observe } });
      await log.close();

      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /keys can decrypt/);
      assert.equal(Deno.statSync(`${directory}/keys`).mode! & 0o777, 0o600);
      const captured = readPcap(Deno.readFileSync(`${directory}/log.pcap`));
      const keys = readKeyLog(Deno.readTextFileSync(`${directory}/keys`));
      assert.equal(keys.length, 2);
      const packets = decryptCapture(captured, keys);
      assert.ok(packets.some(({ generation }) => generation >= 2));
      const opened = Buffer.concat(packets.map(({ plaintext }) => plaintext));
      assert.ok(opened.includes(MARK));
      // Capture and qlog of one end are two views of the same packets.
      const [file] = readFiles(`${directory}/qlog`).values();
      const log2 = readQlog(file!);
      const numbersOf = (label: string): number[] => {
        const entry = keys.find((each) => each.label.includes(label))!;
        return packets.filter(({ connectionId }) =>
          connectionId === entry.connectionId
        ).map(({ packetNumber }) => packetNumber);
      };
      assert.deepEqual(
        numbersOf("INITIATOR"),
        packetNumbers(log2, "packet_sent"),
      );
      assert.deepEqual(
        numbersOf("RESPONDER"),
        packetNumbers(log2, "packet_received"),
      );
    });
  });
}

Deno.test("PacketLog captures a transport that moves under its new address", async () => {
  await withDirectory(async (directory) => {
    const pcapFile = `${directory}/log.pcap`;
    const log = PacketLog.open({ pcapFile });
    const ports: number[] = [];
    await withTransports(async ({ client, outgoing }) => {
      ports.push(client.localAddress.port);
      await client.rebind();
      ports.push(client.localAddress.port);
      await outgoing.ping();
    }, { client: { observe: log.observe } });
    await log.close();
    const senders = readPcap(Deno.readFileSync(pcapFile)).flatMap((
      { from, to },
    ) => [from, to]);
    for (const port of ports) assert.ok(senders.includes(`127.0.0.1:${port}`));
  });
});

/** Bytes, and every way in which a careless log would write them. */
function spellings(bytes: Uint8Array): Buffer[] {
  const buffer = Buffer.from(bytes);
  return [
    buffer,
    ...(["hex", "base64", "base64url"] as const).flatMap((encoding) => {
      // Without what padding and neighbours change.
      const text = buffer.toString(encoding).slice(0, 40);
      return [Buffer.from(text), Buffer.from(text.toUpperCase())];
    }),
    Buffer.from([...buffer].join(",")),
  ];
}

/** What follows from a traffic secret. */
function derived({ secret }: TrafficSecret): Uint8Array[] {
  const encoder = new TextEncoder();
  return ["mxp v1 key", "mxp v1 iv", "mxp v1 hp", "mxp v1 ku"].map((label) =>
    hkdfExpandSha256(secret, encoder.encode(label), 32)
  ).concat(secret);
}

Deno.test("PacketLog: without the option no key and no plaintext is in any file, warning or error", async () => {
  await withDirectory(async (directory) => {
    const texts: string[] = [];
    const secrets: TrafficSecret[] = [];
    const keyPairs: KeyPair[] = [];
    const log = PacketLog.open({
      pcapFile: `${directory}/log.pcap`,
      qlogDirectory: directory,
      onWarning: (message) => texts.push(message),
    });
    const bind = async (): Promise<Transport> => {
      const keyPair = generateKeyPair(systemRandom);
      keyPairs.push(keyPair);
      return await Transport.bind({
        keyPair,
        hostname: "127.0.0.1",
        onWarning: (message) => texts.push(message),
        observe: (local) =>
          combineObservers([log.observe(local), {
            onSecret: (secret) =>
              secrets.push({ ...secret, secret: secret.secret.slice() }),
          }]),
      });
    };
    const server = await bind();
    const client = await bind();
    server.onConnection = echoStreams;
    const connection = await client.connect(server.localAddress, {
      remoteStaticPublicKey: keyPairs[0]!.publicKey,
    });
    await request(connection, markedBytes(5_000));
    const wrongKey = await client.connect(server.localAddress, {
      remoteStaticPublicKey: keyPairs[1]!.publicKey,
    }).then(() => assert.fail("The key is another"), (error) => error);
    connection.close(300, "done");
    const closed = await connection.closed;
    for (const error of [wrongKey, closed]) {
      texts.push(String(error), JSON.stringify(error), String(error.stack));
    }
    texts.push(JSON.stringify([client.stats, server.stats, connection.stats]));
    await client.close();
    await server.close();
    await log.close();

    const files = readFiles(directory);
    assert.ok(files.size >= 3);
    const everything = Buffer.concat([
      ...files.values(),
      Buffer.from(texts.join("\n")),
    ]);
    const forbidden = [
      ...secrets.flatMap(derived),
      ...keyPairs.map(({ privateKey }) => privateKey),
      new TextEncoder().encode(MARK),
    ];
    assert.equal(secrets.length, 4, "Both ends have both secrets");
    for (const bytes of forbidden) {
      for (const spelling of spellings(bytes)) {
        assert.equal(everything.indexOf(spelling), -1, spelling.toString());
      }
    }
    // The search finds what is there: public keys are in no file, but ids are.
    const [secret] = secrets;
    const visible = spellings(Buffer.from(secret!.connectionId, "hex"));
    assert.ok(visible.some((spelling) => everything.includes(spelling)));
  });
});

Deno.test("PacketLog: keys go into the key log and nowhere else", async () => {
  await withDirectory(async (directory) => {
    const log = PacketLog.open({
      pcapFile: `${directory}/log.pcap`,
      qlogDirectory: directory,
      keyLogFile: `${directory}/keys`,
    });
    await withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      await request(outgoing, markedBytes(5_000));
    }, { client: { observe: log.observe } });
    await log.close();
    const files = readFiles(directory);
    const keys = readKeyLog(new TextDecoder().decode(files.get("keys")));
    files.delete("keys");
    assert.equal(files.size, 2);
    const secrets = keys.map(({ secret }) => Buffer.from(secret, "hex"));
    // What the packets held beside data, and who has it could use.
    const frames = decryptCapture(readPcap(files.get("log.pcap")!), keys)
      .flatMap(({ plaintext }) => framesOf(plaintext));
    const tokens = frames.flatMap((frame) =>
      frame.type === "ticket"
        ? [frame.ticket]
        : frame.type === "new-connection-id"
        ? [frame.resetToken]
        : []
    );
    assert.ok(tokens.length > 0, "There are tickets or further connection ids");
    for (const [name, bytes] of files) {
      for (const secret of [...secrets, ...tokens]) {
        for (const spelling of spellings(secret)) {
          assert.equal(Buffer.from(bytes).indexOf(spelling), -1, name);
        }
      }
    }
  });
});

function framesOf(plaintext: Uint8Array): Frame[] {
  const reader = new ByteReader(plaintext);
  const frames: Frame[] = [];
  while (reader.remaining > 0) frames.push(decodeFrame(reader));
  return frames;
}

Deno.test("PacketLog gives files to as many connections as it may, and counts the others", async () => {
  for (const limit of [{ maxFiles: 1 }, { maxOpenFiles: 1 }]) {
    await withDirectory(async (directory) => {
      const log = PacketLog.open({ qlogDirectory: directory, ...limit });
      await withTransports(async ({ client, server, outgoing }) => {
        const second = await client.connect(server.localAddress);
        await second.ping();
        await outgoing.ping();
      }, { client: { observe: log.observe } });
      await log.close();
      assert.equal(log.stats.connectionsSkipped, 1);
      assert.equal(readFiles(directory).size, 1);
    });
  }
});

Deno.test("PacketLog closes the files of a transport that is closed, and each connection ends there", async () => {
  await withDirectory(async (directory) => {
    // A second one that were open would get none.
    const log = PacketLog.open({ qlogDirectory: directory, maxOpenFiles: 1 });
    const { transport: server } = await bindTransport();
    for (let i = 0; i < 3; i++) {
      const { transport } = await bindTransport({ observe: log.observe });
      const connection = await transport.connect(server.localAddress);
      await connection.ping();
      await transport.close();
    }
    await server.close();
    assert.equal(log.stats.connectionsSkipped, 0);
    await log.close();
    const files = [...readFiles(directory).values()];
    assert.equal(files.length, 3);
    for (const file of files) {
      const states = eventsOf(readQlog(file), "connection_state_updated");
      assert.equal(states.at(-1)!.data.new, "closed");
    }
  });
});

Deno.test("PacketLog counts the bytes of its files, and what it dropped after it was closed", async () => {
  await withDirectory(async (directory) => {
    const log = PacketLog.open({ qlogDirectory: directory });
    await withTransports(async ({ outgoing }) => {
      await outgoing.ping();
      await log.close();
      let byteCount = 0;
      for (const { length } of readFiles(directory).values()) {
        byteCount += length;
      }
      assert.ok(byteCount > 0);
      assert.equal(log.stats.bytesWritten, byteCount);
      await outgoing.ping();
      assert.equal(log.stats.bytesWritten, byteCount);
      assert.ok(log.stats.recordsDropped > 0);
    }, { client: { observe: log.observe } });
  });
});

Deno.test("PacketLog gives a file of its own to each connection of a peer that uses one connection id again", async () => {
  // It draws the same bytes each time.
  const random = {
    fillPublic: (bytes: Uint8Array) => void bytes.fill(7),
    fillSecret: systemRandom.fillSecret,
  };
  await withDirectory(async (directory) => {
    const warnings: string[] = [];
    const log = PacketLog.open({
      qlogDirectory: directory,
      onWarning: (message) => warnings.push(message),
    });
    const { transport: server } = await bindTransport({ observe: log.observe });
    for (let i = 0; i < 3; i++) {
      const { transport: client } = await bindTransport({ random });
      const connection = await client.connect(server.localAddress);
      await connection.ping();
      await client.close();
    }
    await server.close();
    await log.close();
    const id = "0707070707070700";
    assert.deepEqual([...readFiles(directory).keys()].sort(), [
      `${id}_server.sqlog`,
      `${id}_server_2.sqlog`,
      `${id}_server_3.sqlog`,
    ]);
    for (const file of readFiles(directory).values()) {
      assert.equal(readQlog(file).header.trace.common_fields.group_id, id);
    }
    assert.equal(log.stats.connectionsSkipped, 0);
    assert.deepEqual(warnings, []);
  });
});

Deno.test("PacketLog ends a qlog file at its size, and the connection goes on", async () => {
  await withDirectory(async (directory) => {
    const log = PacketLog.open({
      qlogDirectory: directory,
      maxFileBytes: 2_000,
    });
    await withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      const reply = await request(outgoing, markedBytes(50_000));
      assert.equal(reply.length, 50_000);
    }, { client: { observe: log.observe } });
    await log.close();
    const [file] = readFiles(directory).values();
    assert.ok(file!.length <= 2_000);
    readQlog(file!);
    assert.ok(log.stats.recordsDropped > 0);
  });
});

Deno.test("PacketLog writes packets of no connection to a file of their own, until the transport is closed", async () => {
  await withDirectory(async (directory) => {
    // A second one that were open would get none.
    const log = PacketLog.open({ qlogDirectory: directory, maxOpenFiles: 1 });
    const stranger = Deno.listenDatagram({
      transport: "udp",
      hostname: "127.0.0.1",
      port: 0,
    });
    const names: RegExp[] = [];
    for (let i = 0; i < 3; i++) {
      const { transport } = await bindTransport({ observe: log.observe });
      await stranger.send(new Uint8Array(20), {
        transport: "udp",
        ...transport.localAddress,
      });
      while (transport.stats.datagramsReceived === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await transport.close();
      names.push(new RegExp(`^socket_${transport.localAddress.port}_`));
    }
    stranger.close();
    await log.close();
    const files = [...readFiles(directory)];
    assert.equal(files.length, 3);
    for (const name of names) {
      assert.ok(files.some(([file]) => name.test(file)));
    }
    for (const [, file] of files) {
      const [event] = readQlog(file).events;
      assert.equal(event!.name, "mxp:packet_dropped");
      assert.equal(event!.data.trigger, "malformed");
      assert.deepEqual(event!.data.raw, { length: 20 });
    }
  });
});

Deno.test("PacketLog.open() refuses what cannot work, before anything is replaced", async () => {
  await withDirectory(async (directory) => {
    assert.throws(() => PacketLog.open({}), { code: "INVALID_CONFIG" });
    assert.throws(
      () => PacketLog.open({ qlogDirectory: directory, maxFileBytes: 0 }),
      { code: "INVALID_CONFIG" },
    );
    await Deno.writeTextFile(`${directory}/old.pcap`, "old");
    await Deno.writeTextFile(`${directory}/keys`, "", { mode: 0o644 });
    await Deno.chmod(`${directory}/keys`, 0o644);
    assert.throws(() =>
      PacketLog.open({
        pcapFile: `${directory}/old.pcap`,
        keyLogFile: `${directory}/keys`,
      }), { code: "LOG_PERMISSIONS" });
    assert.equal(await Deno.readTextFile(`${directory}/old.pcap`), "old");
    assert.throws(
      () => PacketLog.open({ pcapFile: `${directory}/none/log.pcap` }),
      { code: "LOG_UNAVAILABLE" },
    );
  });
});

Deno.test({
  name: "PacketLog.open() leaves no file open when it fails",
  // Only there can be asked what is open.
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withDirectory(async (directory) => {
      const keyLogFile = `${directory}/keys`;
      const pcapFile = `${directory}/none/log.pcap`;
      assert.throws(() => PacketLog.open({ keyLogFile, pcapFile }), {
        code: "LOG_UNAVAILABLE",
      });
      let isLeftOpen = true;
      for (let i = 0; i < 200 && isLeftOpen; i++) {
        isLeftOpen = await isOpen(keyLogFile);
      }
      assert.equal(isLeftOpen, false);
    }),
});

Deno.test({
  name: "PacketLog.close() closes the files though onWarning throws",
  // There are no named pipes to break.
  ignore: Deno.build.os === "windows",
  fn: () =>
    withDirectory(async (directory) => {
      const pcapFile = `${directory}/pipe.pcap`;
      await new Deno.Command("mkfifo", { args: [pcapFile] }).output();
      const reader = await Deno.open(pcapFile, { read: true, write: true });
      const failure = new Error("application");
      const errors = await collectUncaught(async () => {
        const log = PacketLog.open({
          pcapFile,
          keyLogFile: `${directory}/keys`,
          onWarning: () => {
            throw failure;
          },
        });
        reader.close();
        await log.close();
      });
      // Of the keys, and of the pipe.
      assert.deepEqual(errors, [failure, failure]);
    }),
});

Deno.test("A transport goes on without an observer that throws, and says so once", async () => {
  const causes: unknown[] = [];
  const mistake = new Error("a mistake");
  await withTransports(async ({ outgoing }) => {
    await outgoing.ping();
    await outgoing.ping();
  }, {
    client: {
      observe: () => ({
        onDatagramReceived: () => {
          throw mistake;
        },
      }),
      onWarning: (_message, cause) => causes.push(cause),
    },
  });
  assert.deepEqual(causes, [mistake]);
});
