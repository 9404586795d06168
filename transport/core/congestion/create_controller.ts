/**
 * Congestion controllers by name.
 *
 * @module
 */
import type { CongestionControl } from "../config.ts";
import type {
  CongestionController,
  CongestionControllerOptions,
} from "./controller.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./new_reno.ts";

/**
 * Builds a congestion controller.
 *
 * @param name Which one.
 * @param options Sizes.
 * @returns A controller in slow start.
 */
export function createCongestionController(
  name: CongestionControl,
  options: CongestionControllerOptions = {},
): CongestionController {
  switch (name) {
    case "cubic":
      return new Cubic(options);
    case "new-reno":
      return new NewReno(options);
  }
}
