// Every method of the builders of PostgREST's JavaScript clients that client.mjs and rpc.mjs leave out.
// Usage: node modifiers.mjs ADDRESS KEY DATABASE
import { readdirSync, readFileSync } from "node:fs";
import * as postgrest from "@supabase/postgrest-js";
import { bad, good, report, same } from "./harness.mjs";

const database = process.argv[4];
const sqlite = database === "sqlite";
const ids = async (query) => (await good(query)).data.map((each) => each.id);
// What clients do not ask of a server, but of one another.
const INSIDE = ["constructor", "then", "toJSON", "cloneRequestState", "processResponse"];

function everywhere(client) {
  const from = (table) => client.from(table);
  const things = (select = "id") => from("thing").select(select).order("id");
  return {
    "lists that are not": async () => same(await ids(things().notIn("code", ["a", "x,y"])), [2, 3]),
    "distinct from": async () => same(await ids(things().isDistinct("name", "one")), [2, 3]),
    "like whatever the case": async () => {
      same(await ids(things().ilikeAllOf("name", ["%O%", "T%"])), [2]);
      same(await ids(things().ilikeAnyOf("name", ["T%", "O%"])), [1, 2]);
    },
    "conditions and pages of related rows": async () => {
      const owner = () => from("owner").select("id,thing(id)").eq("id", 1).order("id", { referencedTable: "thing" });
      same((await good(owner().or("id.eq.2,amount.eq.9", { referencedTable: "thing" }))).data, [{ id: 1, thing: [{ id: 2 }] }]);
      same((await good(owner().range(1, 1, { referencedTable: "thing" }))).data, [{ id: 1, thing: [{ id: 2 }] }]);
      same((await good(owner().filter("thing.id", "eq", 1))).data, [{ id: 1, thing: [{ id: 1 }] }]);
    },
    "nulls left out": async () => {
      same((await good(things("id,name").eq("id", 3).stripNulls())).data, [{ id: 3 }]);
      same((await good(things("id,name").eq("id", 3).single().stripNulls())).data, { id: 3 });
    },
    "types told": async () => same(await ids(things().eq("id", 1).returns().overrideTypes()), [1]),
    "a signal that aborts": async () => {
      const control = new AbortController();
      same(await ids(things().eq("id", 1).abortSignal(control.signal)), [1]);
      control.abort();
      const { error, status } = await things().abortSignal(control.signal);
      same([status, error.message.includes("AbortError")], [0, true]);
    },
    "no second try": async () => same(await ids(things().eq("id", 1).retry(false)), [1]),
    "errors that are thrown": async () => {
      const error = await things().eq("id", "x").throwOnError().then(() => null, (fault) => fault);
      same([error.name, error.code], ["PostgrestError", "22P02"]);
    },
    "headers of its own": async () => {
      await bad(things().setHeader("Accept", "image/png"), 406, "PGRST107");
      same((await good(from("thing").select("id").setHeader("Range", "1-1").order("id"))).data, [{ id: 2 }]);
    },
    "schemas": async () => {
      same((await good(client.schema("public").from("tag").select())).data, [{ name: "red" }]);
      await bad(client.schema("nowhere").from("tag").select(), 406, "PGRST106");
    },
    "guesses": async () => {
      for (const count of ["planned", "estimated"]) {
        same((await good(from("thing").select("*", { count, head: true }))).count, 3);
      }
    },
    "what is taken back": async () => {
      const written = await good(from("tag").insert({ name: "gone" }).select().rollback(), 201);
      same(written.data, [{ name: "gone" }]);
      same((await good(from("tag").delete().eq("name", "red").select().rollback())).data, [{ name: "red" }]);
      same((await good(from("tag").select())).data, [{ name: "red" }]);
    },
    "no more than so many": async () => {
      same((await good(from("thing").update({ name: "one" }).eq("id", 1).select("id").maxAffected(1))).data, [{ id: 1 }]);
      await bad(from("thing").update({ name: "never" }).gt("id", 0).maxAffected(2), 400, "PGRST124");
    },
    "plans": async () => {
      same(typeof (await good(things().explain())).data, "string");
      same(Array.isArray((await good(things().explain({ format: "json" }))).data), true);
      if (!sqlite) await good(things().explain({ analyze: true, format: "json" }));
      else await bad(things().explain({ analyze: true, format: "json" }), 400, "PGRST127");
    },
    "regular expressions": async () => {
      const asked = [things().regexMatch("name", "^t"), things().regexIMatch("name", "^T")];
      for (const each of asked) {
        if (sqlite) await bad(each, 400, "PGRST127");
        else same(await ids(each), [2]);
      }
    },
    "every method is used": () => {
      const folder = new URL(".", import.meta.url);
      const programs = readdirSync(folder).filter((name) => name.endsWith(".mjs"));
      const text = programs.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
      const builders = Object.values(postgrest).filter((each) => each?.prototype && each.name.startsWith("Postgrest") && each.name !== "PostgrestError");
      same(builders.length >= 5, true);
      const named = builders.flatMap((each) => Object.getOwnPropertyNames(each.prototype));
      const unused = [...new Set(named)].filter((name) => !INSIDE.includes(name) && !text.includes(`.${name}(`));
      same(unused, []);
    },
  };
}

// What PostgreSQL has types for.
function here(client) {
  const special = () => client.from("special").select("id").order("id");
  const places = () => client.from("place").select("id,geom").order("id");
  return {
    "arrays and documents": async () => {
      same(await ids(special().contains("numbers", [1, 2])), [1]);
      same(await ids(special().contains("facts", { a: 1 })), [1]);
      same(await ids(special().containedBy("numbers", [4, 5])), [2]);
      same(await ids(special().overlaps("numbers", [4, 1])), [1, 2]);
    },
    "ranges": async () => {
      same(await ids(special().contains("span", "[2,3)")), [1]);
      same(await ids(special().overlaps("span", "[4,6)")), [1, 2]);
      same(await ids(special().rangeGt("span", "[1,5)")), [2]);
      same(await ids(special().rangeGte("span", "[5,6)")), [2]);
      same(await ids(special().rangeLt("span", "[5,6)")), [1]);
      same(await ids(special().rangeLte("span", "[1,5)")), [1]);
      same(await ids(special().rangeAdjacent("span", "[5,6)")), [1]);
    },
    "text searches": async () => {
      same(await ids(special().textSearch("body", "fox & brown", { config: "english" })), [1]);
      same(await ids(special().textSearch("body", "lazy dog", { type: "plain", config: "english" })), [2]);
      same(await ids(special().textSearch("body", "brown foxes", { type: "phrase", config: "english" })), [1]);
      same(await ids(special().textSearch("body", "dog or fox", { type: "websearch", config: "english" })), [1, 2]);
    },
    "features on a map": async () => {
      const found = (await good(places().eq("id", 1).geojson())).data;
      same(found, { type: "FeatureCollection", features: [{ type: "Feature", geometry: { type: "Point", coordinates: [1, 2] }, properties: { id: 1 } }] });
    },
    "plans with more in them": async () => {
      const [plan] = (await good(special().explain({ analyze: true, verbose: true, settings: true, buffers: true, wal: true, format: "json" }))).data;
      same("Execution Time" in plan, true);
    },
  };
}

// The refusals of those that have none.
function elsewhere(client) {
  const things = () => client.from("thing").select("id");
  const refusal = (query) => bad(query, 400, "PGRST127");
  return {
    "no ranges": async () => {
      await refusal(things().overlaps("name", ["x"]));
      await refusal(things().rangeGt("name", "[1,5)"));
      await refusal(things().rangeGte("name", "[1,5)"));
      await refusal(things().rangeLt("name", "[1,5)"));
      await refusal(things().rangeLte("name", "[1,5)"));
      await refusal(things().rangeAdjacent("name", "[1,5)"));
    },
    "no text searches": async () => {
      for (const type of [undefined, "plain", "phrase", "websearch"]) await refusal(things().textSearch("name", "x", { type }));
    },
    "documents": async () => same(await ids(client.from("thing").select("id").contains("facts", { a: 1 })), []),
    "no maps": async () => bad(client.from("thing").select().geojson(), 406, "PGRST107"),
    "no plans with more in them": async () => refusal(things().explain({ verbose: true })),
  };
}

report((client) => ({ ...everywhere(client), ...(database === "postgresql" ? here(client) : elsewhere(client)) }));
