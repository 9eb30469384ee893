import { failure } from "distributary/sdk";
import { isLabels } from "../runtime/enrolment.ts";
import type { Labels } from "../runtime/enrolment.ts";
import type { Control } from "./control.ts";
import { findNode } from "./find-node.ts";
import { demandNewKey } from "./segments/keys.ts";

/** What an administrator decides of a node; what is absent stays as it is. */
export interface NodeChange {
  readonly segment?: string;
  /** In place of all it has. */
  readonly labels?: Labels;
  /** A group that it is to belong to by name. */
  readonly group?: string;
}

/** Changes a node, by id or name. Throws DIST_ERR_NODE_UNKNOWN, DIST_ERR_GROUP_UNKNOWN or DIST_ERR_API_REQUEST. */
export async function changeNode(control: Control, idOrName: string, change: NodeChange, by: string): Promise<string> {
  const { db, audit, catalog, segments } = control;
  const { segment, labels, group } = change;
  if (labels !== undefined && !isLabels(labels))
    throw failure("DIST_ERR_API_REQUEST", { problem: "the labels are too many, or one is too long" });
  const node = await findNode(db, idOrName);
  await audit.record(by, "node.change", node.name, change);
  if (group !== undefined) await catalog.addToGroup(group, node.name);
  const columns = {
    ...(segment === undefined ? {} : { segment }),
    ...(labels === undefined ? {} : { labels_json: JSON.stringify(labels) }),
  };
  await db.transaction().execute(async (transaction) => {
    if (Object.keys(columns).length > 0)
      await transaction.updateTable("node").set(columns).where("id", "=", node.id).execute();
    if (segment !== undefined && segment !== node.segment) await demandNewKey(transaction, node.segment, Date.now());
  });
  if (segment !== undefined) await segments.put(node.id, segment);
  return node.id;
}
