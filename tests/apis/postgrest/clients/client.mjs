// What PostgREST's JavaScript clients do with tables. Usage: node client.mjs ADDRESS KEY
import { bad, good, report, same } from "./harness.mjs";

const ids = async (query) => (await good(query)).data.map((each) => each.id);

function cases(from) {
  const things = (select = "id") => from("thing").select(select).order("id");
  return {
    "every row": async () => same(Object.keys((await good(from("thing").select())).data[0]).slice(0, 3), ["id", "code", "name"]),
    "eq, neq, in": async () => {
      same(await ids(things().eq("code", "a")), [1]);
      same(await ids(things().neq("code", "a")), [2, 3]);
      same(await ids(things().in("code", ["a", "c", "x,y"])), [1, 3]);
      same(await ids(things().match({ code: "b", name: "two" })), [2]);
    },
    "gt, gte, lt, lte": async () => {
      same(await ids(things().gt("amount", 1).lt("amount", 3)), [2]);
      same(await ids(things().gte("amount", 2).lte("amount", 3)), [2, 3]);
    },
    "like, ilike and several of them": async () => {
      same(await ids(things().like("name", "t%")), [2]);
      same(await ids(things().ilike("name", "T%")), [2]);
      same(await ids(things().likeAnyOf("name", ["t%", "o%"])), [1, 2]);
      same(await ids(things().likeAllOf("name", ["%o%", "t%"])), [2]);
    },
    "is, not, or, filter": async () => {
      same(await ids(things().is("name", null)), [3]);
      same(await ids(things().not("name", "is", null)), [1, 2]);
      same(await ids(things().or("id.eq.1,and(id.gt.1,amount.eq.3)")), [1, 3]);
      same(await ids(things().filter("id", "in", "(1,2)")), [1, 2]);
    },
    "order, limit, range": async () => {
      same(await ids(from("thing").select("id").order("id", { ascending: false }).limit(2)), [3, 2]);
      same(await ids(things().range(1, 1)), [2]);
      same(await ids(from("thing").select("id").order("name", { nullsFirst: true }).order("id")), [3, 1, 2]);
    },
    "embedding": async () => {
      same((await good(things("id,owner(name)").eq("id", 1).single())).data, { id: 1, owner: { name: "Ada" } });
      same(await ids(from("thing").select("id,owner!inner(name)").eq("owner.name", "Ada").order("id")), [1, 2]);
      const found = await good(from("owner").select("id,thing(id)").eq("id", 1).order("id", { referencedTable: "thing", ascending: false }).limit(1, { referencedTable: "thing" }));
      same(found.data, [{ id: 1, thing: [{ id: 2 }] }]);
    },
    "counts": async () => {
      same((await good(from("thing").select("*", { count: "exact", head: true }))).count, 3);
      const page = await good(things().range(0, 0), 200);
      same([page.data.length, page.count], [1, null]);
      const counted = await good(from("thing").select("id", { count: "exact" }).limit(2), 206);
      same([counted.data.length, counted.count], [2, 3]);
    },
    "one row": async () => {
      same((await good(things().eq("id", 1).single())).data, { id: 1 });
      same((await good(things().eq("id", 99).maybeSingle())).data, null);
      same((await bad(things().single(), 406, "PGRST116")).details, "The result contains 3 rows");
      await bad(things().eq("id", 99).single(), 406, "PGRST116");
    },
    "csv": async () => same((await good(things("id,code").lt("id", 3).csv())).data, "id,code\n1,a\n2,b"),
    "errors of reading": async () => {
      same((await bad(from("thing").select("nope"), 400, "42703")).message, "column thing.nope does not exist");
      await bad(from("nope").select(), 404, "PGRST205");
      await bad(things().eq("id", "x"), 400, "22P02");
    },
    "inserts": async () => {
      const silent = await good(from("thing").insert({ code: "d" }), 201);
      same([silent.data, silent.count], [null, null]);
      const two = await good(from("thing").insert([{ code: "e", amount: 5 }, { code: "f", amount: 6 }], { count: "exact" }).select("code,amount"), 201);
      same([two.data, two.count], [[{ code: "e", amount: 5 }, { code: "f", amount: 6 }], 2]);
    },
    "updates": async () => {
      same((await good(from("thing").update({ name: "new" }).eq("code", "d").select("code,name").single())).data, { code: "d", name: "new" });
      const counted = await good(from("thing").update({ name: "newer" }, { count: "exact" }).in("code", ["d", "e"]), 204);
      same([counted.data, counted.count], [null, 2]);
      same((await good(from("thing").update({ name: "x" }).eq("id", 999).select())).data, []);
    },
    "upserts": async () => {
      const line = { a: 1, b: "x", note: "merged" };
      same((await good(from("line").upsert(line).select())).data, [line]);
      same((await good(from("line").upsert([line, { a: 2, b: "y", note: "n" }]).select("a"), 201)).data, [{ a: 1 }, { a: 2 }]);
      same((await good(from("line").upsert({ ...line, note: "not" }, { ignoreDuplicates: true }).select(), 201)).data, []);
      same((await good(from("thing").upsert({ code: "d", name: "by code" }, { onConflict: "code" }).select("name"))).data, [{ name: "by code" }]);
      same((await good(from("plain").insert([{ x: 1 }, { y: "b" }], { defaultToNull: false }).select(), 201)).data, [{ x: 1, y: "none" }, { x: null, y: "b" }]);
    },
    "deletes": async () => {
      const some = await good(from("thing").delete({ count: "exact" }).in("code", ["d", "e"]).select("code").order("code"));
      same([some.data, some.count], [[{ code: "d" }, { code: "e" }], 2]);
      await good(from("thing").delete().eq("code", "f"), 204);
      await good(from("line").delete().gt("a", 1), 204);
      await good(from("plain").delete().or("x.eq.1,x.is.null"), 204);
    },
    "errors of writing": async () => {
      await bad(from("thing").insert({ code: "a" }), 409, "23505");
      await bad(from("thing").insert({ code: "n", owner_id: 99 }), 409, "23503");
      await bad(from("thing").insert({ name: "n" }), 400, "23502");
      await bad(from("thing").insert({ code: "n", amount: -1 }), 400, "23514");
      await bad(from("thing").insert({ code: "n", nope: 1 }), 400, "PGRST204");
      await bad(from("thing").delete(), 400, "21000");
      await bad(from("thing").update({ name: "x" }).gt("id", 0).select().single(), 406, "PGRST116");
      await bad(from("thing").delete().gt("id", 0).maxAffected(1), 400, "PGRST124");
      same(await ids(things()), [1, 2, 3]);
    },
  };
}

report((client) => cases((table) => client.from(table)));
