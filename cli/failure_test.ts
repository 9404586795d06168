import assert from "node:assert/strict";
import { CommanderError } from "commander";
import { CallError } from "../mesh/mod.ts";
import { TransportError } from "../transport/mod.ts";
import { CliError, usageError } from "./error.ts";
import { ExitCode } from "./exit_code.ts";
import { describeFailure } from "./failure.ts";

Deno.test("describeFailure() maps every kind of failure to its exit code", () => {
  const timedOut = new TransportError("HANDSHAKE_TIMEOUT", "Connect: slow");
  const lost = new TransportError("CONNECTION_LOST", "Connection: gone");
  const cases: [unknown, number, string][] = [
    [usageError("what?"), ExitCode.USAGE, "USAGE"],
    [new CommanderError(1, "x", "error: bad"), ExitCode.USAGE, "USAGE"],
    [timedOut, ExitCode.TIMED_OUT, "HANDSHAKE_TIMEOUT"],
    [lost, ExitCode.CONNECTION_LOST, "CONNECTION_LOST"],
    [
      new TransportError("ADDRESS_IN_USE", "Bind: taken"),
      ExitCode.CONNECTION_LOST,
      "ADDRESS_IN_USE",
    ],
    [
      new TransportError("BIND_FAILED", "Bind: not here"),
      ExitCode.CONNECTION_LOST,
      "BIND_FAILED",
    ],
    [
      new CallError("DEADLINE_EXCEEDED", "Call: late"),
      ExitCode.TIMED_OUT,
      "DEADLINE_EXCEEDED",
    ],
    [
      new CallError("CONNECTION_LOST", "Call: lost"),
      ExitCode.CONNECTION_LOST,
      "CONNECTION_LOST",
    ],
    [
      new CallError("DATA_LOSS", "Stream: broke off"),
      ExitCode.CONNECTION_LOST,
      "DATA_LOSS",
    ],
    [
      new CallError("UNAVAILABLE", "Call: nobody", { cause: timedOut }),
      ExitCode.TIMED_OUT,
      "UNAVAILABLE",
    ],
    [
      new CallError("UNAVAILABLE", "Agent: it drains"),
      ExitCode.FAILED,
      "UNAVAILABLE",
    ],
    [new CallError("NOT_FOUND", "Call: none"), ExitCode.FAILED, "NOT_FOUND"],
    [
      new CliError("INTERRUPTED", "Interrupted"),
      ExitCode.INTERRUPTED,
      "INTERRUPTED",
    ],
    [new Error("surprise"), ExitCode.FAILED, "INTERNAL"],
    ["a string", ExitCode.FAILED, "INTERNAL"],
  ];
  for (const [thrown, exitCode, code] of cases) {
    const failure = describeFailure(thrown);
    assert.equal(failure.exitCode, exitCode, String(thrown));
    assert.equal(failure.code, code);
    assert.notEqual(failure.message, "");
  }
});

Deno.test("describeFailure() makes one line that is safe for a terminal", () => {
  const { message } = describeFailure(new Error("a\n  b\x1b[2J\r\nc"));
  assert.equal(message, "a b?[2J c");
  const { message: usage } = describeFailure(
    new CommanderError(
      1,
      "x",
      "error: unknown option '--foo'\n(Did you mean --for?)",
    ),
  );
  assert.equal(usage, "unknown option '--foo' (Did you mean --for?)");
});

Deno.test("describeFailure() keeps the facts of a call", () => {
  const error = new CallError("NOT_FOUND", "Call: none", {
    capability: "sum",
    method: "m",
    retryAfterMs: 5,
  });
  const { capability, method, retryAfterMs } = describeFailure(error);
  assert.deepEqual([capability, method, retryAfterMs], ["sum", "m", 5]);
});

Deno.test("describeFailure() says nothing when nobody reads the output", () => {
  const error = new CliError("OUTPUT_CLOSED", "Output: closed");
  assert.equal(describeFailure(error).message, "");
});
