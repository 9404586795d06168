/**
 * Packages of peers: none of them is a dependency of this project.
 *
 * @module
 */

/**
 * Imports a package that `packages/deno.json` lists.
 *
 * @typeParam Module What of it is used. Nothing is known of the package when
 * this project is type-checked: it need not be installed.
 * @param name Its name.
 * @returns The module.
 */
export async function loadPackage<Module>(name: string): Promise<Module> {
  return await import(name) as Module;
}
