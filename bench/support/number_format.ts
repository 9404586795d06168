/**
 * Numbers for people.
 *
 * @module
 */

/**
 * Three digits, and thousands as k, millions as M.
 *
 * @param value The number.
 * @returns For example `0.42`, `12.3`, `480`, `31.2k`, `1.05M`.
 */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 999_500) return `${threeDigits(value / 1e6)}M`;
  if (size >= 9_995) return `${threeDigits(value / 1e3)}k`;
  return threeDigits(value);
}

function threeDigits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}
