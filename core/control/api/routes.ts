import { declarationRoutes } from "./declaration-routes.ts";
import { jobRoutes } from "./job-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import { openApi } from "./openapi.ts";
import { peopleRoutes } from "./people-routes.ts";
import { defineRoute } from "./route.ts";
import type { ApiRoute } from "./route.ts";
import { segmentRoutes } from "./segment-routes.ts";
import { stateRoutes } from "./state-routes.ts";

/** Everything the API can do, in one table: what is not in it does not exist, and nobody may do it. */
export const routes: readonly ApiRoute[] = [
  defineRoute({
    method: "GET",
    path: "/v1/openapi.json",
    role: "viewer",
    summary: "This description.",
    answer: async () => openApi(routes),
  }),
  ...stateRoutes,
  ...nodeRoutes,
  ...segmentRoutes,
  ...declarationRoutes,
  ...jobRoutes,
  ...peopleRoutes,
];
