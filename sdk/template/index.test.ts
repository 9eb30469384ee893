import { recordingHost, testCompressor, testCompressorInThreads, testPlugin } from "distributary/testkit";
import plugin from "./index.ts";

testPlugin(plugin);
testCompressor("my-plugin", () => recordingHost(plugin).compressors.get("my-plugin"));
testCompressorInThreads("my-plugin", new URL("./index.ts", import.meta.url).href);
