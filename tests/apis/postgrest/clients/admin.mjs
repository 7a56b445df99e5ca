// What react-admin's provider for PostgREST does. Usage: node admin.mjs ADDRESS KEY
import admin from "@raphiniert/ra-data-postgrest";
import { key, address, reported, same } from "./harness.mjs";

// As react-admin hands it requests over.
async function httpClient(url, options = {}) {
  const headers = new Headers(options.headers);
  headers.set("Authorization", `Bearer ${key}`);
  const reply = await fetch(url, { ...options, headers });
  const body = await reply.text();
  const json = body ? JSON.parse(body) : undefined;
  if (!reply.ok) throw Object.assign(new Error(json?.message), { status: reply.status, code: json?.code });
  return { status: reply.status, headers: reply.headers, body, json };
}

const provider = (sortOrder) =>
  admin.default({
    apiUrl: `${address}/rest/v1`,
    httpClient,
    defaultListOp: "eq",
    primaryKeys: new Map([["line", ["a", "b"]], ["tag", ["name"]]]),
    schema: admin.defaultSchema,
    sortOrder,
  });
const api = provider();
const page = (number, size) => ({ page: number, perPage: size });
const ids = ({ data }) => data.map((each) => each.id);

async function refused(promise, status, code) {
  const error = await promise.then(() => ({}), (fault) => fault);
  same([error.status, error.code], [status, code]);
}

const list = (resource, more = {}) =>
  api.getList(resource, { pagination: page(1, 10), sort: { field: "id", order: "ASC" }, filter: {}, ...more });

await reported("ra-data-postgrest", {
  "a list": async () => {
    const found = await list("thing", { pagination: page(1, 2) });
    same([ids(found), found.total], [[1, 2], 3]);
    const next = await list("thing", { pagination: page(2, 2) });
    same([ids(next), next.total], [[3], 3]);
    same(Object.keys(found.data[0]).slice(0, 3), ["id", "code", "name"]);
  },
  "orders": async () => {
    same(ids(await list("thing", { sort: { field: "name", order: "DESC" } })), [3, 2, 1]);
    same(ids(await list("thing", { sort: { field: "name", order: "DESC" }, meta: { nullslast: true } })), [2, 1, 3]);
    same(ids(await list("thing", { sort: { field: "name", order: "ASC" }, meta: { nullsfirst: true } })), [3, 1, 2]);
  },
  "filters": async () => {
    same(ids(await list("thing", { filter: { code: "b" } })), [2]);
    same(ids(await list("thing", { filter: { "amount@gte": 2 } })), [2, 3]);
    same(ids(await list("thing", { filter: { "name@ilike": "TW" } })), [2]);
    same(ids(await list("thing", { filter: { "code@in": "(a,c)" } })), [1, 3]);
    same(ids(await list("thing", { filter: { "name@is": "null" } })), [3]);
    same(ids(await list("thing", { filter: { "@or": { "code@eq": "a", "amount@gt": 2 } } })), [1, 3]);
    same((await list("thing", { filter: { code: "nowhere" } })).total, 0);
  },
  "columns and related rows": async () => {
    const some = await list("thing", { filter: { id: 1 }, meta: { columns: ["id", "code"] } });
    same(some.data, [{ id: 1, code: "a" }]);
    const one = await api.getOne("thing", { id: 1, meta: { columns: "id", embed: ["owner"] } });
    same(one.data, { id: 1, owner: { id: 1, name: "Ada" } });
    const apart = await api.getOne("thing", { id: 1, meta: { columns: "id", prefetch: ["owner"] } });
    same([apart.data, apart.meta.prefetched], [{ id: 1 }, { owner: [{ id: 1, name: "Ada" }] }]);
  },
  "one row": async () => {
    same((await api.getOne("thing", { id: 2 })).data.code, "b");
    await refused(api.getOne("thing", { id: 99 }), 406, "PGRST116");
  },
  "some rows": async () => {
    same(ids(await api.getMany("thing", { ids: [3, 1] })).sort(), [1, 3]);
    same(ids(await api.getMany("thing", { ids: [2] })), [2]);
    same(ids(await api.getMany("thing", { ids: [] })), []);
  },
  "rows that refer to one": async () => {
    const found = await api.getManyReference("thing", {
      target: "owner_id", id: 1, pagination: page(1, 1), sort: { field: "id", order: "DESC" }, filter: {},
    });
    same([ids(found), found.total], [[2], 2]);
  },
  "a row made, changed, removed": async () => {
    const made = (await api.create("thing", { data: { code: "d", amount: 4 } })).data;
    same([made.code, made.amount, made.doubled], ["d", 4, 8]);
    const changed = (await api.update("thing", { id: made.id, data: { ...made, name: "four" }, previousData: made })).data;
    same([changed.id, changed.name], [made.id, "four"]);
    same((await api.update("thing", { id: made.id, data: changed, previousData: changed })).data, changed);
    same((await api.delete("thing", { id: made.id, previousData: changed })).data.code, "d");
    await refused(api.delete("thing", { id: made.id }), 406, "PGRST116");
  },
  "rows changed and removed": async () => {
    const made = [];
    for (const code of ["x", "y"]) made.push((await api.create("thing", { data: { code } })).data.id);
    same((await api.updateMany("thing", { ids: made, data: { name: "both" } })).data.sort(), made);
    same(ids(await list("thing", { filter: { name: "both" } })), made);
    same((await api.deleteMany("thing", { ids: made })).data.sort(), made);
    same((await list("thing")).total, 3);
  },
  "keys that are texts": async () => {
    same((await api.create("tag", { data: { name: "a,b (c)" } })).data, { name: "a,b (c)", id: "a,b (c)" });
    same((await api.getOne("tag", { id: "a,b (c)" })).data.name, "a,b (c)");
    same((await api.delete("tag", { id: "a,b (c)" })).data.name, "a,b (c)");
  },
  "keys of two columns": async () => {
    same((await list("line")).data, [{ a: 1, b: "x", note: "first", id: '[1,"x"]' }]);
    same((await api.getOne("line", { id: '[1,"x"]' })).data.note, "first");
    same((await api.create("line", { data: { a: 2, b: "y", note: "n" } })).data, { a: 2, b: "y", note: "n", id: '[2,"y"]' });
    same(ids(await api.getMany("line", { ids: ['[1,"x"]', '[2,"y"]'] })).sort(), ['[1,"x"]', '[2,"y"]']);
    same(ids(await list("line", { sort: { field: "id", order: "DESC" } })), ['[2,"y"]', '[1,"x"]']);
    const before = { a: 2, b: "y", note: "n", id: '[2,"y"]' };
    same((await api.update("line", { id: before.id, data: { ...before, note: "m" }, previousData: before })).data.note, "m");
    same((await api.updateMany("line", { ids: ['[1,"x"]', '[2,"y"]'], data: { note: "all" } })).data.sort(), ['[1,"x"]', '[2,"y"]']);
    same((await api.delete("line", { id: '[2,"y"]' })).data.note, "all");
    await api.create("line", { data: { a: 3, b: "z" } });
    await api.create("line", { data: { a: 4, b: "z" } });
    same((await api.deleteMany("line", { ids: ['[3,"z"]', '[4,"z"]'] })).data.sort(), ['[3,"z"]', '[4,"z"]']);
    same((await list("line")).total, 1);
  },
  "errors": async () => {
    await refused(api.create("thing", { data: { code: "a" } }), 409, "23505");
    await refused(list("nowhere"), 404, "PGRST205");
    await refused(list("thing", { filter: { nope: 1 } }), 400, "42703");
    await refused(api.updateMany("thing", { ids: [1, 2], data: { amount: -1 } }), 400, "23514");
  },
});
process.exit(0);
