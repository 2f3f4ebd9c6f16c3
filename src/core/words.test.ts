import { expect, test } from "bun:test";
import { defineWords, languageOf, WordBook } from "./words.ts";

const words = defineWords({
  en: { "a.hello": "Hello {name}, {count} new", "a.plain": "Plain" },
  "zh-CN": { "a.hello": "你好 {name}，{count} 条", "a.plain": "普通" },
});

test("fills places, groups digits, leaves unknown places", () => {
  expect(words.say("en", "a.hello", { name: "Li <b>", count: 12345 })).toBe("Hello Li <b>, 12,345 new");
  expect(words.in("zh-CN")("a.hello", { name: "李" })).toBe("你好 李，{count} 条");
  expect(words.say("en", "a.hello", { name: "{count}", count: 1 })).toBe("Hello {count}, 1 new");
});

test("a book finds keys of all lists, refuses doubles, and shows unknown keys as they are", () => {
  const book = new WordBook();
  book.add(words);
  expect(book.say("zh-CN", "a.plain")).toBe("普通");
  expect(book.say("en", "gone.key")).toBe("gone.key");
  expect(() => book.add(words)).toThrow("twice");
});

test("languageOf reads Accept-Language", () => {
  expect(languageOf("fr-FR, zh-CN;q=0.8, en;q=0.5")).toBe("zh-CN");
  expect(languageOf("en-GB,zh")).toBe("en");
  expect(languageOf(null)).toBe("en");
});
