// What PostgREST's JavaScript clients do with functions, and with procedures. Usage: node rpc.mjs ADDRESS KEY DATABASE
import { bad, good, report, same } from "./harness.mjs";

const database = process.argv[4];

// A value, on every database that has functions.
function values(client) {
  return {
    "a value": async () => {
      same((await good(client.rpc("add_up", { a: 2, b: 3 }))).data, 5);
      same((await good(client.rpc("add_up", { a: 2, b: 3 }, { get: true }))).data, 5);
      same((await good(client.rpc("add_up", { a: 2, b: 3 }).single())).data, 5);
      same((await good(client.rpc("add_up", { a: 2, b: 3 }).csv())).data, "add_up\n5");
    },
    "a head": async () => same((await good(client.rpc("add_up", { a: 2, b: 3 }, { head: true }))).data, null),
    "errors": async () => {
      await bad(client.rpc("add_up", { c: 1 }), 404, "PGRST202");
      await bad(client.rpc("absent"), 404, "PGRST202");
      await bad(client.rpc("add_up", { a: "x", b: 1 }), 400, "22P02");
      await bad(client.rpc("refuse"), 402, "PT402");
    },
  };
}

// Rows: of a function, which are asked as a table's.
function rows(client) {
  const above = (lowest, options) => client.rpc("things_above", { lowest }, options);
  return {
    "rows": async () => {
      same((await good(above(1).select("id,code").order("id"))).data, [{ id: 2, code: "b" }, { id: 3, code: "c" }]);
      same((await good(above(0, { get: true }).select("id").gt("id", 1).order("id", { ascending: false }).limit(1))).data, [{ id: 3 }]);
      same((await good(above(0).select("id,owner(name)").eq("id", 1).single())).data, { id: 1, owner: { name: "Ada" } });
      same((await good(above(99).maybeSingle())).data, null);
      await bad(above(0).single(), 406, "PGRST116");
    },
    "counts": async () => {
      const page = await good(above(0, { count: "exact" }).select("id").order("id").range(0, 1), 206);
      same([page.data, page.count], [[{ id: 1 }, { id: 2 }], 3]);
      const head = await good(above(0, { head: true, count: "exact" }));
      same([head.data, head.count], [null, 3]);
    },
    "csv": async () => same((await good(above(1).select("id,code").order("id").csv())).data, "id,code\n2,b\n3,c"),
    "arrays": async () => same((await good(client.rpc("largest", { among: [3, 9, 4] }))).data, 9),
    "what writes": async () => {
      await bad(client.rpc("mark", { word: "never" }, { get: true }), 405, "25006");
      await good(client.rpc("mark", { word: "blue" }), 204);
      same((await good(client.from("tag").select().eq("name", "blue"))).data, [{ name: "blue" }]);
      await good(client.from("tag").delete().eq("name", "blue"), 204);
    },
  };
}

// Rows of a procedure, which are answered as a whole, and what its OUT arguments hold.
function procedures(client) {
  return {
    "rows": async () => {
      same((await good(client.rpc("things_above", { lowest: 1 }))).data, [{ id: 2, code: "b" }, { id: 3, code: "c" }]);
      same((await good(client.rpc("things_above", { lowest: 2 }).single())).data, { id: 3, code: "c" });
      same((await good(client.rpc("things_above", { lowest: 9 }).maybeSingle())).data, null);
      same((await good(client.rpc("things_above", { lowest: 2 }).csv())).data, "id,code\n3,c");
      await bad(client.rpc("things_above", { lowest: 0 }).single(), 406, "PGRST116");
      await bad(client.rpc("things_above", { lowest: 0 }).gt("id", 1), 400, "PGRST127");
      await bad(client.rpc("things_above", { lowest: 0 }, { get: true }), 405, "PGRST101");
    },
    "counts": async () => {
      const all = await good(client.rpc("things_above", { lowest: 0 }, { count: "exact" }));
      same([all.data.length, all.count], [3, 3]);
    },
    "arguments that come back": async () => same((await good(client.rpc("halve", { whole: 7 }))).data, { half: 3, rest: 1 }),
    "what writes": async () => {
      await good(client.rpc("mark", { word: "blue" }), 204);
      same((await good(client.from("tag").select().eq("name", "blue"))).data, [{ name: "blue" }]);
      await good(client.from("tag").delete().eq("name", "blue"), 204);
    },
  };
}

report((client) => ({ ...values(client), ...(database === "postgresql" ? rows(client) : procedures(client)) }));
