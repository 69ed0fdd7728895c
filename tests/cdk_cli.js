// The CDK CLI, loaded once, for tests/cdk_cli.py: each start of its own takes two thirds of a second of a core.
//
// `node cdk_cli.js PACKAGE` prints where it listens, and ends when its standard input does. A line of JSON says what to
// run and where its output goes; the answer is the exit code. One run follows the other, since the folder and the
// environment are the process's. Where who asked is gone before the end, so is this process, as the CLI would be.
const childProcess = require("child_process");
const fs = require("fs");
const net = require("net");
const os = require("os");
const path = require("path");

const { exec } = require(process.argv[2]);
let output = 2; // of the run that is being carried out

const spawn = childProcess.spawn;
childProcess.spawn = (command, ...given) => {
  const options = given.at(-1);
  const stdio = options.stdio.map((each) => (each === "inherit" ? output : each));
  return spawn(command, ...given.slice(0, -1), { ...options, stdio });
};
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (text, encoding, done) => {
    fs.writeSync(output, text);
    (done ?? encoding)?.();
    return true;
  };
}

async function run(wanted) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, wanted.environment);
  process.chdir(wanted.folder);
  process.umask(wanted.umask);
  output = fs.openSync(wanted.output, "a");
  try {
    return (await exec(wanted.arguments)) ?? 0;
  } catch (error) {
    console.error(error.message); // in the CLI's own words, as its entry point does
    for (let cause = error.cause; cause; cause = cause.cause) console.error(`‣ ${cause.name}: ${cause.message}`);
    return 1;
  } finally {
    fs.closeSync(output);
    output = 2;
  }
}

let before = Promise.resolve();
const server = net.createServer((connection) => {
  let asked = "";
  let answered = false;
  connection.on("data", (part) => {
    asked += part;
    if (!asked.endsWith("\n")) return;
    before = before.then(async () => {
      const code = await run(JSON.parse(asked));
      answered = true;
      connection.end(String(code));
    });
  });
  connection.on("error", () => {});
  connection.on("close", () => answered || process.exit(1));
});
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nami-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true }));
server.listen(`${folder}/socket`, () => fs.writeSync(1, `${folder}/socket\n`));
process.stdin.on("end", () => process.exit(0)).resume();
