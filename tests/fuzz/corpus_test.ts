/**
 * Replays the seeds and the corpus of every target, and tests the rig itself.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "../support/seeded_random.ts";
import { corpusFolders, readCorpus } from "./corpus.ts";
import { fuzz } from "./fuzzer.ts";
import { Mutator } from "./mutator.ts";
import { FAULTY } from "./targets/faulty.ts";
import { TARGETS } from "./targets/mod.ts";
import { tryInput } from "./trial.ts";

const MAX_CORPUS_BYTES = 200_000;

for (const target of TARGETS) {
  if (target.isFaulty) continue;
  Deno.test(`${target.name} takes its seeds and its corpus`, () => {
    for (const input of target.seeds()) {
      const { fault } = tryInput(target, input);
      assert.equal(fault, undefined, fault?.detail);
    }
    for (const [file, input] of readCorpus(target.name)) {
      const { fault } = tryInput(target, input);
      assert.equal(fault, undefined, `${file}: ${fault?.detail}`);
    }
  });
}

Deno.test("The corpus is small, and each folder belongs to a target", () => {
  const names = TARGETS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  let byteCount = 0;
  for (const folder of corpusFolders()) {
    assert.ok(names.includes(folder), folder);
    for (const input of readCorpus(folder).values()) byteCount += input.length;
  }
  assert.ok(byteCount < MAX_CORPUS_BYTES, `${byteCount} bytes`);
});

Deno.test("fuzz() finds the bug that is there on purpose, and shortens its input", () => {
  const { findings } = fuzz({
    target: { ...FAULTY, maxLength: 64 },
    corpus: [],
    seed: 1,
    isOver: (runCount) => runCount >= 20_000,
  });
  const thrown = findings.find(({ fault }) => fault.kind === "thrown");
  assert.match(thrown?.fault.summary ?? "", /^RangeError: .*faulty\.ts/);
  assert.ok(thrown!.input.length <= 5, `${thrown!.input.length} bytes`);
  assert.equal(tryInput(FAULTY, thrown!.input).fault?.kind, "thrown");
});

Deno.test("fuzz() tries the same inputs with the same seed", () => {
  const run = (seed: number): string[] => {
    const inputs: string[] = [];
    fuzz({
      target: {
        ...FAULTY,
        run: (input) => {
          inputs.push(input.toHex());
          return String(input.length % 7);
        },
      },
      corpus: [],
      seed,
      isOver: (runCount) => runCount >= 200,
    });
    return inputs;
  };
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

Deno.test("tryInput() finds time that grows with the square of the length", () => {
  const input = new Uint8Array(4_000);
  assert.equal(tryInput(FAULTY, input).fault, undefined);
  input.set(new TextEncoder().encode("SLOW"));
  assert.equal(tryInput(FAULTY, input).fault?.kind, "slow");
});

Deno.test("tryInput() finds memory that a few bytes ask for", () => {
  const input = new TextEncoder().encode("FAT");
  assert.equal(tryInput(FAULTY, input).fault?.kind, "memory");
});

Deno.test("Mutator.mutate() keeps to the length and leaves its bases alone", () => {
  const random = new SeededRandom(3);
  const mutator = new Mutator({
    random,
    maxLength: 100,
    dictionary: [Uint8Array.of(1, 2, 3)],
  });
  const base = random.nextBytes(90);
  const other = random.nextBytes(300);
  const before = [base.slice(), other.slice()];
  for (let run = 0; run < 5_000; run++) {
    assert.ok(mutator.mutate(base, other).length <= 100);
    assert.ok(
      mutator.mutate(new Uint8Array(0), new Uint8Array(0)).length <= 100,
    );
  }
  assert.deepEqual([base, other], before);
});
