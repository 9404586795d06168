import assert from "node:assert/strict";
import {
  BLOCK_BYTES,
  BlockPool,
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

Deno.test("BlockPool has blocks of its own size, each used again, and keeps a bounded number", () => {
  const pool = new BlockPool(100, 4);
  const taken = Array.from({ length: 7 }, () => pool.take());
  assert.equal(new Set(taken).size, 7);
  for (const block of taken) {
    assert.equal(block.length, 100);
    pool.release(block);
  }
  const again = Array.from({ length: 7 }, () => pool.take());
  assert.equal(new Set(again).size, 7);
  assert.equal(again.filter((block) => taken.includes(block)).length, 4);
});
