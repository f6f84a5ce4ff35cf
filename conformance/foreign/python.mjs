// Programs that come as packages of Python, in an environment of their own.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFile, readFile, rm } from "node:fs/promises"
import { join } from "node:path"

/** The folder of programs of an environment that has what `requirements.txt` in this folder names; it is made where it is missing. */
export async function environmentOf(folder) {
  const environment = join(folder, ".venv")
  const programs = join(environment, "bin")
  const wanted = join(folder, "requirements.txt")
  const found = join(environment, "requirements.txt")
  const [now, before] = await Promise.all([wanted, found].map((file) => readFile(file, "utf8").catch(() => "")))
  if (now === before) return programs
  await rm(environment, { recursive: true, force: true })
  await run("python3", ["-m", "venv", environment])
  const options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
  await run(join(programs, "python"), ["-m", "pip", "install", ...options, "--requirement", wanted])
  await copyFile(wanted, found)
  return programs
}

/** What a program prints; it is ended when its time is up. */
export async function run(program, words, options = {}) {
  const child = spawn(program, words, { ...options, stdio: ["ignore", "pipe", "inherit"] })
  let printed = ""
  child.stdout.setEncoding("utf8").on("data", (text) => (printed += text))
  const [code, signal] = await once(child, "close")
  if (code !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${code ?? signal}:\n${printed}`)
  return printed
}
