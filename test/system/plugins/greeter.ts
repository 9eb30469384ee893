import { definePlugin } from "distributary/sdk";

/** Answers below its own path, once with an error that must not get out. */
export default definePlugin({
  name: "greeter",
  api: 1,
  roles: ["control"],
  options: {
    type: "object",
    properties: { secret: { type: "string", default: "", description: "What must not get out." } },
  },
  setup({ routes }, { secret }) {
    routes.add("hello", {
      method: "GET",
      role: "operator",
      description: "Greets.",
      answer: async () => ({ hello: "world" }),
    });
    routes.add("echo", {
      method: "POST",
      role: "operator",
      description: "Says what it heard.",
      answer: async (body) => ({ heard: body }),
    });
    routes.add("fail", {
      method: "GET",
      role: "viewer",
      description: "Fails.",
      answer: () => Promise.reject(new Error(`the database says: ${secret}`)),
    });
  },
});
