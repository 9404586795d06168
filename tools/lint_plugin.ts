/**
 * House rules that a machine can check, for `deno lint`.
 *
 * - `mxp/layers`: imports follow the layer table of `layers.ts`.
 * - `mxp/pure`: pure folders hold no clock, timer, randomness, log, `Deno.*`
 *   or `node:*`; most of them no `await` either.
 * - `mxp/packages`: library code imports listed packages only, by their name
 *   in the import map.
 * - `mxp/node20`: library code uses nothing that Node 20 lacks, on which the bundle
 *   of the command line runs.
 * - `mxp/defaults`: a default in a doc comment is a tag that the published
 *   reference shows.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };
import { isOutside, isPure, isSynchronous, judgeImport } from "./layers.ts";

const ROOT = new URL("../", import.meta.url);

/** Packages for tests, benchmarks and tools, never for library code. */
const DEVELOPMENT_PACKAGES: readonly string[] = [
  "assemblyscript",
  "fast-check",
  "hash-wasm",
];

/**
 * Globals of the runtime that pure code is handed as arguments instead. A local
 * variable may not take such a name either, so that no scope has to be known.
 */
const AMBIENT_GLOBALS: ReadonlySet<string> = new Set([
  "Bun",
  "Date",
  "Deno",
  "Temporal",
  "WebSocket",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "fetch",
  "globalThis",
  "navigator",
  "performance",
  "process",
  "queueMicrotask",
  "self",
  "setImmediate",
  "setInterval",
  "setTimeout",
]);

/** Newer than Node 20. */
const MISSING_IN_NODE_20: ReadonlySet<string> = new Set([
  "Array.fromAsync",
  "Atomics.waitAsync",
  "Iterator.from",
  "Map.groupBy",
  "Object.groupBy",
  "Promise.try",
  "Promise.withResolvers",
  "RegExp.escape",
  "Uint8Array.fromBase64",
  "Uint8Array.fromHex",
]);

interface Reference {
  readonly node: Deno.lint.Node;
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

/** Path relative to the repository root, with forward slashes. */
function pathOf(filename: string): string {
  const root = decodeURIComponent(ROOT.pathname);
  const path = filename.replaceAll("\\", "/");
  return path.startsWith(root) ? path.slice(root.length) : path;
}

/** Calls back for each import, re-export and dynamic import of a file. */
function visitReferences(
  visit: (reference: Reference) => void,
): Deno.lint.LintVisitor {
  return {
    ImportDeclaration(node) {
      const isTypeOnly = node.importKind === "type" ||
        node.specifiers.length > 0 &&
          node.specifiers.every((specifier) =>
            specifier.type === "ImportSpecifier" &&
            specifier.importKind === "type"
          );
      visit({ node, specifier: node.source.value, isTypeOnly });
    },
    ExportNamedDeclaration(node) {
      if (!node.source) return;
      const isTypeOnly = node.exportKind === "type" ||
        node.specifiers.length > 0 &&
          node.specifiers.every(({ exportKind }) => exportKind === "type");
      visit({ node, specifier: node.source.value, isTypeOnly });
    },
    ExportAllDeclaration(node) {
      const isTypeOnly = node.exportKind === "type";
      visit({ node, specifier: node.source.value, isTypeOnly });
    },
    ImportExpression(node) {
      if (node.source.type !== "Literal") return;
      const specifier = String(node.source.value);
      visit({ node, specifier, isTypeOnly: false });
    },
    TSImportType(node) {
      const { argument } = node as { argument?: unknown };
      const specifier = literalOf(argument);
      if (specifier) visit({ node, specifier, isTypeOnly: true });
    },
  };
}

/** `import("./x.ts").X` keeps its specifier one or two nodes down. */
function literalOf(node: unknown): string | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  const { value, literal } = node as { value?: unknown; literal?: unknown };
  return typeof value === "string" ? value : literalOf(literal);
}

const layers: Deno.lint.Rule = {
  create(context) {
    const from = pathOf(context.filename);
    if (isOutside(from)) return {};
    return visitReferences(({ node, specifier, isTypeOnly }) => {
      if (!/^\.{0,2}\//.test(specifier)) return;
      const base = new URL(from, "file:///");
      const to = new URL(specifier, base).pathname.slice(1);
      const message = judgeImport(from, to, isTypeOnly);
      if (message) context.report({ node, message });
    });
  },
};

const pure: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if (!isPure(path)) return {};
    const report = (node: Deno.lint.Node, what: string): void =>
      context.report({
        node,
        message: `${what} in a pure folder`,
        hint: "Take it as an argument, or move the code to the edge.",
      });
    let lastIdentifierAt: number | undefined;
    const visitor: Deno.lint.LintVisitor = {
      ...visitReferences(({ node, specifier }) => {
        if (specifier.startsWith("node:")) report(node, `"${specifier}"`);
      }),
      Identifier(node) {
        if (!AMBIENT_GLOBALS.has(node.name) || !isValueReference(node)) return;
        // The key and the value of `{ name }` are two nodes in one place.
        if (lastIdentifierAt === node.range[0]) return;
        lastIdentifierAt = node.range[0];
        report(node, `\`${node.name}\``);
      },
      MemberExpression(node) {
        if (context.sourceCode.getText(node) === "Math.random") {
          report(node, "`Math.random`");
        }
      },
    };
    if (!isSynchronous(path)) return visitor;
    const visitFunction = (
      node:
        | Deno.lint.ArrowFunctionExpression
        | Deno.lint.FunctionDeclaration
        | Deno.lint.FunctionExpression,
    ): void => {
      if (node.async) report(node, "An `async` function");
    };
    return {
      ...visitor,
      ArrowFunctionExpression: visitFunction,
      FunctionDeclaration: visitFunction,
      FunctionExpression: visitFunction,
      AwaitExpression: (node) => report(node, "`await`"),
      ForOfStatement: (node) => {
        if (node.await) report(node, "`for await`");
      },
    };
  },
};

/** Whether an identifier means the global, not a property or a type. */
function isValueReference(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as unknown as {
    readonly type: string;
    readonly computed?: boolean;
    readonly shorthand?: boolean;
    readonly property?: unknown;
    readonly key?: unknown;
    readonly value?: unknown;
    readonly range: Deno.lint.Range;
  };
  const isAt = (other: unknown): boolean => {
    const range = (other as { range?: Deno.lint.Range } | undefined)?.range;
    return range?.[0] === node.range[0] && range[1] === node.range[1];
  };
  switch (parent.type) {
    case "MemberExpression":
      return parent.computed === true || !isAt(parent.property);
    case "Property":
      return parent.shorthand === true || parent.computed === true ||
        !isAt(parent.key);
    case "PropertyDefinition":
    case "MethodDefinition":
      return parent.computed === true || !isAt(parent.key);
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "TSQualifiedName":
    case "TSTypeReference":
    case "TSInterfaceHeritage":
    case "TSTypeQuery":
    case "ImportSpecifier":
    case "ExportSpecifier":
      return false;
    default:
      return true;
  }
}

const packages: Deno.lint.Rule = {
  create(context) {
    if (isOutside(pathOf(context.filename))) return {};
    const listed = Object.keys(config.imports);
    return visitReferences(({ node, specifier }) => {
      if (/^\.{0,2}\//.test(specifier)) return;
      if (specifier.startsWith("node:")) return;
      const found = listed.find((name) =>
        specifier === name || specifier.startsWith(`${name}/`)
      );
      if (!found) {
        const message = `"${specifier}" is not in the import map of deno.json`;
        context.report({ node, message });
      } else if (DEVELOPMENT_PACKAGES.includes(found)) {
        const message = `"${found}" is for tests and tools only`;
        context.report({ node, message });
      }
    });
  },
};

const node20: Deno.lint.Rule = {
  create(context) {
    if (isOutside(pathOf(context.filename))) return {};
    return {
      MemberExpression(node) {
        const name = context.sourceCode.getText(node);
        if (!MISSING_IN_NODE_20.has(name)) return;
        context.report({ node, message: `Node 20 has no \`${name}\`` });
      },
    };
  },
};

/** `deno doc` takes a default without braces, or inside a sentence, for text. */
const DEFAULT_TAG = /(?:^|\n)[ *]*@default \{[^{}]+\}/g;

const defaults: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const { type, value, range } = comment;
          if (type !== "Block" || !value.startsWith("*")) continue;
          const named = value.match(/(?<!`)@default\b/g)?.length ?? 0;
          const shown = value.match(DEFAULT_TAG)?.length ?? 0;
          if (named === shown) continue;
          const message = "A default that the reference does not show";
          const hint = "Write `@default {value}` on a line of its own.";
          context.report({ range, message, hint });
        }
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "mxp",
  rules: { layers, pure, packages, node20, defaults },
};

export default plugin;
