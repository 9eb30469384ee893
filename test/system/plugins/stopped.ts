import { definePlugin } from "distributary/sdk";

/** Has the program told to stop while it starts. */
export default definePlugin({ name: "stopped", api: 1, setup: () => void process.kill(process.pid, "SIGTERM") });
