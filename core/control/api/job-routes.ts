import { failure } from "distributary/sdk";
import { toJob } from "../jobs/job.ts";
import { defineRoute } from "./route.ts";

const limit = { type: "integer", minimum: 1, maximum: 1_000, default: 50, description: "How many at most." } as const;

/** Jobs and versions. */
export const jobRoutes = [
  defineRoute({
    method: "GET",
    path: "/v1/jobs",
    role: "viewer",
    summary: "Jobs, newest first.",
    body: {
      type: "object",
      properties: { limit, site: { type: "string", maxLength: 63, description: "Only of this site." } },
    },
    async answer({ control, body }) {
      let query = control.db.selectFrom("job").selectAll().orderBy("asked_at", "desc").limit(body.limit);
      if (body.site !== undefined) query = query.where("site", "=", body.site);
      return (await query.execute()).map(toJob);
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/jobs/:job",
    role: "viewer",
    summary: "A job, with what became of each node and the assignments that were signed for it.",
    async answer({ control, params }) {
      const id = params["job"] ?? "";
      const row = await control.db.selectFrom("job").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) throw failure("DIST_ERR_JOB_UNKNOWN", { job: id });
      const nodes = await control.db
        .selectFrom("job_node")
        .leftJoin("node", "node.id", "job_node.node")
        .select(["job_node.node", "node.name", "job_node.stage", "job_node.reason"])
        .where("job", "=", id)
        .orderBy("node.name")
        .execute();
      return { ...toJob(row), nodes, assignments: await control.assignments.ofJob(id) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/jobs",
    role: "operator",
    summary: "Asks for a job.",
    body: {
      type: "object",
      required: ["kind", "site"],
      properties: {
        kind: {
          type: "string",
          enum: ["publish", "replicate", "switch", "rollback", "restore", "remove", "checkpoint"],
          description: "What to do.",
        },
        site: { type: "string", maxLength: 63, description: "With which site." },
        allowEmpty: { type: "boolean", description: "publish: an empty staging directory may empty the site." },
        commit: {
          type: "string",
          enum: ["auto", "manual"],
          description: "publish, restore: whether it goes live by itself.",
        },
        version: {
          type: "integer",
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: "switch, rollback, restore: which version.",
        },
        checkpoint: { type: "string", maxLength: 200, description: "restore: which checkpoint, by id or label." },
        label: { type: "string", minLength: 1, maxLength: 200, description: "checkpoint: what it is called." },
        nodes: {
          type: "array",
          items: { type: "string", maxLength: 200, description: "A node, by id or name." },
          description: "replicate: which nodes; all of the group if absent.",
        },
      },
    },
    answer: async ({ control, body, caller }) => control.ask(body, caller.name),
  }),
  defineRoute({
    method: "POST",
    path: "/v1/jobs/:job/abort",
    role: "operator",
    summary: "Gives a job up, unless its commit was ordered.",
    async answer({ control, params, caller }) {
      await control.audit.record(caller.name, "job.abort", params["job"] ?? "", {});
      await control.jobs.abort(params["job"] ?? "", caller.name);
      return { aborted: params["job"] };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/sites/:site/commit",
    role: "operator",
    summary: "Makes what is prepared live.",
    async answer({ control, params, caller }) {
      await control.audit.record(caller.name, "site.commit", params["site"] ?? "", {});
      return control.jobs.approve(params["site"] ?? "");
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/sites/:site/plan",
    role: "operator",
    summary: "What a publish would change and send, without doing it.",
    answer: async ({ control, params }) => control.dryRun(params["site"] ?? ""),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/sites/:site/versions",
    role: "viewer",
    summary: "Versions control still has, and checkpoints.",
    async answer({ control, params }) {
      const { name, liveVersion, backupVersion } = await control.catalog.site(params["site"] ?? "");
      const [versions, checkpoints] = await Promise.all([
        control.db.selectFrom("version").selectAll().where("site", "=", name).orderBy("number", "desc").execute(),
        control.db
          .selectFrom("checkpoint")
          .selectAll()
          .where("site", "=", name)
          .orderBy("created_at", "desc")
          .execute(),
      ]);
      return {
        site: name,
        liveVersion,
        backupVersion,
        versions: versions.map(({ number, tree, file_count, size_bytes, created_at, job }) => {
          return { number, tree, fileCount: file_count, sizeBytes: size_bytes, createdAt: created_at, job };
        }),
        checkpoints: checkpoints.map(({ id, label, version, created_by, created_at }) => {
          return { id, label, version, createdBy: created_by, createdAt: created_at };
        }),
      };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/sites/:site/snapshots",
    role: "viewer",
    summary: "What was signed for a site, newest first: number, job, time and details, without content.",
    body: { type: "object", properties: { limit } },
    async answer({ control, params, body }) {
      const { name } = await control.catalog.site(params["site"] ?? "");
      const rows = await control.db
        .selectFrom("assignment")
        .selectAll()
        .where("site", "=", name)
        .orderBy("serial", "desc")
        .limit(body.limit)
        .execute();
      return rows.map(({ id, serial, job, type, version, size_bytes, data_bytes, summary_json, issued_at }) => {
        return {
          id,
          serial,
          job,
          type,
          version,
          sizeBytes: size_bytes,
          dataBytes: data_bytes,
          summary: JSON.parse(summary_json) as object,
          issuedAt: issued_at,
        };
      });
    },
  }),
];
