/**
 * Loaded before the tests by `deno task test:poison`.
 *
 * @module
 */
import { enablePoison } from "../../internal/poison.ts";

enablePoison();
