/**
 * A relay that cannot read: `deno run --allow-net examples/sealed_payload.ts`
 *
 * Every connection is encrypted, but an agent that passes a value on reads it,
 * unless the value is sealed for somebody else.
 *
 * @module
 */
import { Agent, Node, SealedValue } from "@mxp/core";

const node = await Node.start({ bind: "127.0.0.1:0" });
const patient = await Agent.connect(node.url, { name: "patient" });
const relay = await Agent.connect(node.url, { name: "relay" });
const doctor = await Agent.connect(node.url, { name: "doctor" });

doctor.onCall("diagnose", (request) => {
  // Opened by the library; who sealed it is proven, whoever carried it.
  const isFromPatient = request.sealedBy?.every((byte, index) =>
    byte === patient.publicKey[index]
  );
  print(`doctor reads "${request.text()}", from the patient: ${isFromPatient}`);
  return "rest"; // what came sealed is answered sealed
});

relay.onCall("pass", async (request) => {
  print(`relay can read it: ${!(request.value instanceof SealedValue)}`);
  const reply = await relay.call(
    { name: "doctor" },
    "diagnose",
    request.sealed,
  );
  print(`relay can read the answer: ${!(reply instanceof SealedValue)}`);
  return reply;
});

// In real life the key comes from a file, or from somebody who is trusted.
const answer = await patient.call({ name: "relay" }, "pass", "my knee hurts", {
  sealFor: [doctor.publicKey],
});
print(`patient reads "${answer}"`);

for (const agent of [patient, relay, doctor]) await agent.close();
await node.close();

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
