import assert from "node:assert/strict";
import {
  BLOCK_BYTES,
  MAX_FREE_BLOCKS,
  releaseBlock,
  takeBlock,
} from "./block_pool.ts";

Deno.test("takeBlock() gives a block to one at a time, and those that were released again", () => {
  const first = takeBlock();
  const second = takeBlock();
  assert.equal(first.length, BLOCK_BYTES);
  assert.notEqual(first, second);
  releaseBlock(first);
  assert.equal(takeBlock(), first);
  assert.notEqual(takeBlock(), first);
});

Deno.test("releaseBlock() keeps a bounded number", () => {
  const blocks = Array.from({ length: MAX_FREE_BLOCKS + 1 }, takeBlock);
  for (const block of blocks) releaseBlock(block);
  for (let count = 0; count < MAX_FREE_BLOCKS; count++) {
    assert.ok(blocks.includes(takeBlock()));
  }
  assert.ok(!blocks.includes(takeBlock()));
});
