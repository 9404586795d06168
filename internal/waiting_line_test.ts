import assert from "node:assert/strict";
import fc from "fast-check";
import { type LineMember, WaitingLine } from "./waiting_line.ts";

interface Member extends LineMember {
  readonly id: number;
}

function createMembers(count: number): Member[] {
  return Array.from({ length: count }, (_, id) => ({ id, lineIndex: -1 }));
}

function fill(members: readonly Member[]): WaitingLine<Member> {
  const line = new WaitingLine<Member>();
  for (const member of members) line.add(member, undefined);
  return line;
}

function idsOf(members: readonly Member[]): number[] {
  return members.map(({ id }) => id);
}

/** Serves all who wait. */
function serveAll(line: WaitingLine<Member>): number[] {
  const served: Member[] = [];
  for (let next = line.peek(); next !== undefined; next = line.peek()) {
    line.serve(next);
    served.push(next);
  }
  return idsOf(served);
}

Deno.test("WaitingLine serves the oldest first, and keeps what each waits with", () => {
  const line = new WaitingLine<Member, string>();
  const [a, b, c] = createMembers(3) as [Member, Member, Member];
  line.add(a, "one");
  line.add(b, "two");
  line.add(c, "three");
  assert.equal(line.peek(), a);
  assert.equal(line.get(b), "two");
  assert.equal(line.delete(a), true);
  assert.equal(line.delete(a), false);
  assert.equal(line.get(a), undefined);
  assert.deepEqual(line.list(), [b, c]);
  assert.equal(line.peek(), b);
  assert.deepEqual(serveAll(fill(createMembers(5))), [0, 1, 2, 3, 4]);
});

Deno.test("WaitingLine leaves who waits in another one where it is", () => {
  const [a, b] = createMembers(2) as [Member, Member];
  const line = fill([a]);
  const other = fill([b]);
  assert.equal(other.delete(a), false);
  assert.equal(other.get(a), undefined);
  assert.equal(other.peek(), b);
  assert.equal(line.delete(a), true);
  assert.equal(a.lineIndex, -1);
});

Deno.test("WaitingLine serves the newest first when that is preferred, until nobody waits", () => {
  const members = createMembers(6);
  const line = fill(members.slice(0, 5));
  line.preferNewest();
  line.add(members[5]!, undefined);
  assert.equal(line.peek(), members[5]);
  line.delete(members[4]!);
  assert.deepEqual(serveAll(line), [5, 3, 2, 1, 0]);
  line.preferNewest();
  for (const member of members.slice(0, 3)) line.add(member, undefined);
  assert.deepEqual(serveAll(line), [0, 1, 2]);
});

Deno.test("WaitingLine lets nobody wait for ever while newer ones come", () => {
  const members = createMembers(90);
  const line = fill(members.slice(0, 10));
  line.preferNewest();
  const served: number[] = [];
  for (const member of members.slice(10)) {
    line.add(member, undefined);
    const next = line.peek()!;
    // It is looked at more than once before there is something for it.
    assert.equal(line.peek(), next);
    line.serve(next);
    served.push(next.id);
  }
  assert.deepEqual(
    served.filter((id) => id < 10),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

Deno.test("WaitingLine agrees with a list, whoever comes, leaves and is served", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "add", "serve", "delete", "prefer"),
    at: fc.nat(1_000),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 1_000 }), (steps) => {
    const line = new WaitingLine<Member, number>();
    const list: Member[] = [];
    let turns: number | undefined;
    for (const [id, { what, at }] of steps.entries()) {
      const isNewest = turns !== undefined && turns % 8 !== 7;
      const next = list.at(isNewest ? -1 : 0);
      assert.equal(line.peek(), next);
      if (what === "add") {
        const member = { id, lineIndex: -1 };
        line.add(member, id);
        list.push(member);
      } else if (what === "prefer") {
        line.preferNewest();
        if (list.length > 0) turns ??= 0;
      } else if (list.length > 0) {
        const leaving = what === "serve" ? next! : list[at % list.length]!;
        assert.equal(line.get(leaving), leaving.id);
        list.splice(list.indexOf(leaving), 1);
        if (what === "serve") line.serve(leaving);
        else assert.equal(line.delete(leaving), true);
        if (what === "serve" && turns !== undefined) turns++;
        if (list.length === 0) turns = undefined;
      }
      assert.equal(line.size, list.length);
    }
    assert.deepEqual(line.list(), list);
  }));
});
