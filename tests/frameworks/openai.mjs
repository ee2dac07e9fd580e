// npm's openai: the connection itself. The application does everything.
import { report, reportError, require, run } from "./bridge.mjs";

const { OpenAI } = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");

const WEATHER = {
  type: "function",
  name: "weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
let connection;
let itemId;
let receivedBytes = 0;

function respond(item) {
  connection.send({ type: "conversation.item.create", item });
  connection.send({ type: "response.create" });
}

await run({
  async connect({ url, model, instructions }) {
    const client = new OpenAI({ apiKey: "none", baseURL: url.replace(/^ws/, "http") });
    connection = new OpenAIRealtimeWS({ model }, client);
    connection.on("error", reportError);
    connection.on("response.output_audio.delta", (event) => {
      itemId = event.item_id;
      receivedBytes += Buffer.from(event.delta, "base64").length;
      report("audio", event.delta);
    });
    connection.on("response.output_audio_transcript.delta", (event) => report("text", event.delta));
    connection.on("response.function_call_arguments.done", (event) => {
      report("call", { name: event.name, arguments: JSON.parse(event.arguments) });
      respond({ type: "function_call_output", call_id: event.call_id, output: "-7" });
    });
    connection.socket.on("close", () => report("closed", true));
    await new Promise((resolve, reject) => {
      connection.socket.on("open", resolve);
      connection.socket.on("error", reject);
    });
    const audio = { input: { turn_detection: null } };
    connection.send({
      type: "session.update",
      session: { type: "realtime", instructions, tools: [WEATHER], audio },
    });
  },
  text({ text }) {
    respond({ type: "message", role: "user", content: [{ type: "input_text", text }] });
  },
  audio({ audio }) {
    connection.send({ type: "input_audio_buffer.append", audio });
  },
  commit() {
    connection.send({ type: "input_audio_buffer.commit" });
    connection.send({ type: "response.create" });
  },
  interrupt() {
    connection.send({ type: "response.cancel" });
    connection.send({
      type: "conversation.item.truncate",
      item_id: itemId,
      content_index: 0,
      audio_end_ms: Math.floor(receivedBytes / 48),
    });
  },
  cancel() {
    connection.send({ type: "response.cancel" });
  },
  close() {
    connection.close();
  },
});
