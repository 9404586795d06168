/**
 * An authority and a server's certificate, made for one run and thrown away.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "./driver.ts";
import { runProgram } from "../support/run_program.ts";

const CONFIGURATION = `
[req]
distinguished_name = name
prompt = no
[name]
CN = mxp bench
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
`;

const KEY =
  "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config tls.cnf";

/** What is asked of the program, in a folder of its own. */
const COMMANDS: readonly string[] = [
  `req -x509 ${KEY} -days 2 -extensions authority -keyout ca.key -out ca.crt`,
  `req -new ${KEY} -keyout server.key -out server.csr`,
  "x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial" +
  " -extfile tls.cnf -extensions server -out server.crt",
];

/**
 * Makes a certificate with the `openssl` program.
 *
 * @param folder Where the files may lie.
 * @returns The certificate; `undefined` where there is no such program.
 */
export async function createCertificate(
  folder: string,
): Promise<Certificate | undefined> {
  const path = (name: string): string => join(folder, name);
  writeFileSync(path("tls.cnf"), CONFIGURATION);
  for (const command of COMMANDS) {
    const { code } = await runProgram("openssl", command.split(" "), {
      folder,
    });
    if (code !== 0) return undefined;
  }
  return {
    authority: readFileSync(path("ca.crt"), "utf8"),
    certificate: readFileSync(path("server.crt"), "utf8"),
    privateKey: readFileSync(path("server.key"), "utf8"),
  };
}
