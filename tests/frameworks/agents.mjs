// npm's @openai/agents: a RealtimeSession with an agent and a function tool, on server VAD.
import { report, reportError, require, run } from "./bridge.mjs";

const { RealtimeAgent, RealtimeSession, tool } = require("@openai/agents/realtime");
const weather = tool({
  name: "weather",
  description: "The temperature.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: false,
  async execute(input) {
    report("call", { name: "weather", arguments: input });
    return "-7";
  },
});
const audioOf = (text) => new Uint8Array(Buffer.from(text, "base64")).buffer;
let session;

await run({
  async connect({ url, model, instructions }) {
    const agent = new RealtimeAgent({ name: "assistant", instructions, tools: [weather] });
    session = new RealtimeSession(agent, {
      transport: "websocket",
      model,
      tracingDisabled: true,
      config: { audio: { input: { turnDetection: { type: "server_vad" } } } },
    });
    session.on("error", reportError);
    session.on("audio", (event) => report("audio", Buffer.from(event.data).toString("base64")));
    session.transport.on("audio_transcript_delta", (event) => report("text", event.delta));
    session.transport.on("connection_change", (status) => {
      if (status === "disconnected") report("closed", true);
    });
    await session.connect({ apiKey: "none", url: `${url}/realtime?model=${model}` });
  },
  text({ text }) {
    session.sendMessage(text);
  },
  audio({ audio }) {
    session.sendAudio(audioOf(audio));
  },
  interrupt({ audio }) {
    session.sendAudio(audioOf(audio)); // speech_started does the rest
  },
  cancel() {
    session.interrupt();
  },
  close() {
    session.close();
  },
});
