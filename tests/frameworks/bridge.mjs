// Commands on stdin, reports on stdout, both as lines of JSON. Every command is answered by {"done": number}.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

// The packages are installed apart from these files.
export const require = createRequire(join(process.env.FRAMEWORKS_HOME, "package.json"));

export function report(name, value) {
  process.stdout.write(JSON.stringify({ [name]: value }) + "\n");
}

// An error event of the server as {type, code}, or the name of an error of the framework.
export function reportError(error) {
  const event = error?.error?.error ?? error?.error ?? error;
  if (event && typeof event === "object" && !(event instanceof Error) && event.type && event.type !== "error") {
    report("error", { type: event.type, code: event.code ?? null });
  } else {
    const cause = error?.cause ?? (event instanceof Error ? event : error);
    report("error", cause?.constructor?.name ?? String(cause));
  }
}

export async function run(handlers) {
  process.on("unhandledRejection", reportError);
  process.on("uncaughtException", reportError);
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    try {
      await handlers[command.do](command);
    } catch (error) {
      reportError(error);
    }
    report("done", command.number);
    if (command.do === "close") setTimeout(() => process.exit(0), 300).unref();
  }
}
