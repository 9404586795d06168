/**
 * The conformance kit: clauses of the specification, judged on a running node.
 *
 * Knows the specification byte by byte and makes its own packets, right ones
 * and wrong ones: of this library it uses the codecs of `protocol`, the
 * primitives of `crypto` and a UDP socket, and nothing that keeps a connection.
 * Does not know whose node it judges.
 *
 * @module
 */
export { type Clause, ClauseFailure, ClauseSkipped } from "./clause.ts";
export { ClauseContext, type ConformanceTarget } from "./context.ts";
export {
  CLAUSE_TIME_LIMIT_MS,
  type ClauseResult,
  CLAUSES,
  type ConformanceOptions,
  runConformance,
  selectClauses,
} from "./run.ts";
