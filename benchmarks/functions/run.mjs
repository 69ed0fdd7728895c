// As run.py, of a function in Node: node run.mjs HANDLER EVENTS_FILE COUNT
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [file, eventsFile, asked] = process.argv.slice(2);
const module = await import(pathToFileURL(file));
const handler = module.handler ?? module.default.handler;
const events = JSON.parse(readFileSync(eventsFile));
const count = Number(asked);
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = () => true;

const call = async (number) => {
  const answer = (await handler(events[number % events.length])) ?? {};
  if ((answer.statusCode ?? 200) !== 200) throw new Error(JSON.stringify(answer));
};

for (let number = 0; number < count; number++) await call(number);
const started = process.cpuUsage();
for (let number = 0; number < (count > 1 ? count : 0); number++) await call(count + number);
const spent = process.cpuUsage(started);
const peak = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/)[1];
write(`${(spent.user + spent.system) / 1e6 / count} ${peak}\n`);
process.exit(0);
