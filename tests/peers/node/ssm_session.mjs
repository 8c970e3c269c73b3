// A shell by ssm-session, as its README does it: URL and token as arguments, lines from standard input, output to standard output.
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import session from "ssm-session";

const { ssm } = session;
const [url, token] = process.argv.slice(2);
const lines = readFileSync(0, "utf8");
const options = { rows: 34, cols: 197 };
const connection = new WebSocket(url);
connection.binaryType = "arraybuffer";
let started = false;

connection.onopen = () => ssm.init(connection, { token, termOptions: options });
connection.onerror = (error) => {
  console.error(`socket: ${error.message}`);
  process.exitCode = 1;
};
connection.onmessage = (event) => {
  const message = ssm.decode(event.data);
  ssm.sendACK(connection, message);
  if (message.payloadType === 1) {
    process.stdout.write(Buffer.from(message.payload));
    if (!started) {
      started = true;
      ssm.sendText(connection, new TextEncoder().encode(lines));
    }
  } else if (message.payloadType === 17) {
    ssm.sendInitMessage(connection, options);
  }
  if (message.messageType.includes("channel_closed")) {
    connection.close();
  }
};
connection.onclose = () => process.exit();
