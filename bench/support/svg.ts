/**
 * What the charts are drawn with.
 *
 * @module
 */

/** Readable on a light page and on a dark one: a chart brings its ground. */
export const COLOURS = {
  ground: "#ffffff",
  text: "#1f2328",
  faint: "#656d76",
  ours: "#0969da",
} as const;

/** How a text looks. */
export interface TextOptions {
  /** @default {COLOURS.text} */
  readonly colour?: string;
  /**
   * In pixels.
   *
   * @default {as the document}
   */
  readonly size?: number;
  /** @default {false} */
  readonly isBold?: boolean;
  /**
   * Which end of it is at `x`.
   *
   * @default {"start"}
   */
  readonly anchor?: "start" | "middle" | "end";
}

/**
 * Writes.
 *
 * @param x From the left.
 * @param y Of the line under the letters, from the top.
 * @param content What; escaped here.
 * @param options How it looks.
 * @returns An element.
 */
export function text(
  x: number,
  y: number,
  content: string,
  options: TextOptions = {},
): string {
  const { colour = COLOURS.text, size, isBold, anchor } = options;
  const attributes = [
    `x="${round(x)}"`,
    `y="${round(y)}"`,
    `fill="${colour}"`,
    ...(size === undefined ? [] : [`font-size="${size}"`]),
    ...(isBold ? [`font-weight="600"`] : []),
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
  ].join(" ");
  return `<text ${attributes} xml:space="preserve">${escape(content)}</text>`;
}

/**
 * Makes a document.
 *
 * @param title What it shows, for who cannot see it.
 * @param size Width and height in pixels.
 * @param elements What is in it.
 * @returns The document.
 */
export function svgDocument(
  title: string,
  size: { readonly width: number; readonly height: number },
  elements: readonly string[],
): string {
  const { width, height } = size;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" font-family="system-ui, sans-serif" ` +
    `font-size="12">`,
    `<title>${escape(title)}</title>`,
    `<rect width="100%" height="100%" fill="${COLOURS.ground}"/>`,
    ...elements,
    `</svg>`,
    "",
  ].join("\n");
}

/**
 * A coordinate as it is written.
 *
 * @param value In pixels.
 * @returns With one digit after the point.
 */
export function round(value: number): string {
  return value.toFixed(1);
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
