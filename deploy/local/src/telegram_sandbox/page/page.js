// Shows every chat and lets a person act in it. Texts are only ever set as text, never as HTML.
import { locale, say } from "./words.js";

const byId = (id) => document.getElementById(id);
let chosen = null;
let shown = "";
const seen = new Map();

function make(tag, { text, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

async function call(path, body) {
  const response = await fetch(`/sandbox/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  const answer = await response.json();
  byId("error").textContent = response.ok ? "" : say(answer.error);
  await refresh();
  return answer;
}

const STYLES = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "code" };

function pieces(message) {
  // Entities may lie inside one another; every stretch between two edges carries all that cover it.
  const spans = message.entities.map((entity) => [entity.offset, entity.offset + entity.length, entity]);
  for (const match of message.text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    spans.push([match.index, match.index + match[0].length, { type: "text_link", url: match[0] }]);
  }
  const edges = [...new Set([0, message.text.length, ...spans.flatMap(([from, to]) => [from, to])])].sort((a, b) => a - b);
  return edges.slice(0, -1).map((from, index) => {
    let piece = document.createTextNode(message.text.slice(from, edges[index + 1]));
    for (const [start, end, entity] of spans) {
      if (start > from || end < edges[index + 1]) continue;
      if (entity.type === "text_link" && /^https?:\/\//.test(entity.url)) {
        piece = make("a", { href: entity.url, target: "_blank", rel: "noopener noreferrer" }, piece);
      } else if (STYLES[entity.type]) {
        piece = make(STYLES[entity.type], {}, piece);
      }
    }
    return piece;
  });
}

function messageOf(chat, message) {
  const time = new Date(message.date * 1000).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  const item = make("li", { className: message.from });
  const words = time + (message.edited ? ` · ${say("edited")}` : "");
  item.append(make("div", { className: "bubble" }, ...pieces(message), make("time", { text: words })));
  for (const row of message.buttons) {
    const buttons = row.map((button) =>
      button.url
        ? make("button", { text: button.text, onclick: () => window.open(button.url, "_blank", "noopener") })
        : make("button", { text: button.text, onclick: () => call(`chats/${chat.chat_id}/press`, { data: button.callback_data }) }),
    );
    item.append(make("div", { className: "buttons" }, ...buttons));
  }
  if (message.notice) item.append(make("div", { className: "notice", text: message.notice }));
  return item;
}

function chatButton(chat) {
  const last = chat.messages.at(-1);
  const unread = chat.messages.length - (seen.get(chat.chat_id) ?? 0);
  const button = make(
    "button",
    { onclick: () => { chosen = chat.chat_id; shown = ""; refresh(); } },
    make("span", { className: "face", text: [...chat.name][0].toUpperCase() }),
    make("span", { text: chat.name + (chat.blocked ? ` · ${say("blocked the bot")}` : "") }),
  );
  if (unread > 0 && chat.chat_id !== chosen) button.append(make("span", { className: "count", text: unread }));
  button.append(make("span", { className: "last", text: last ? last.text : say("nothing yet") }));
  if (chat.chat_id === chosen) button.setAttribute("aria-current", "true");
  return button;
}

function show(view) {
  byId("bot").textContent = `@${view.bot}`;
  chosen ??= view.chats[0]?.chat_id ?? null;
  const chat = view.chats.find((candidate) => candidate.chat_id === chosen);
  if (chat) seen.set(chat.chat_id, chat.messages.length);
  byId("chats").replaceChildren(...view.chats.map(chatButton));
  byId("title").querySelector("h2").textContent = chat ? chat.name : say("No chat yet");
  byId("block").hidden = !chat;
  byId("say").hidden = !chat;
  const list = byId("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  if (!chat || chat.messages.length === 0) {
    list.replaceChildren(make("li", { className: "empty", text: say(chat ? "No messages yet" : "Add a person on the left") }));
  } else {
    list.replaceChildren(...chat.messages.map((message) => messageOf(chat, message)));
  }
  if (chat) {
    byId("block").textContent = say(chat.blocked ? "Let the bot write again" : "Block the bot");
    byId("block").onclick = () => call(`chats/${chat.chat_id}/${chat.blocked ? "unblock" : "block"}`);
  }
  if (atEnd || shown === "") list.scrollTop = list.scrollHeight;
}

async function refresh() {
  const response = await fetch("/sandbox/view");
  const text = await response.text();
  const state = `${chosen} ${text}`;
  if (response.ok && state !== shown) {
    show(JSON.parse(text));
    shown = `${chosen} ${text}`;
  }
}

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("say-text");
  if (chosen !== null && field.value.trim()) {
    call(`chats/${chosen}/say`, { text: field.value });
    field.value = "";
  }
});

byId("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("add-name");
  if (!field.value.trim()) return;
  const chat = await call("chats", { name: field.value });
  field.value = "";
  chosen = chat.chat_id ?? chosen;
  refresh();
});

async function keepFresh() {
  try {
    await refresh();
  } catch {
    byId("error").textContent = say("The sandbox does not answer; trying again…");
    shown = "";
  }
  setTimeout(keepFresh, 700);
}

keepFresh();
