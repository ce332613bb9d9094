// The page's words: Russian, as page.html is written, or English by ?lang=en or where the browser asks for that first.
const RUSSIAN = {
  "Telegram sandbox": "Песочница Telegram",
  "Every chat of": "Все чаты бота",
  "on this machine. Nothing leaves it.": "на этой машине. Наружу ничего не уходит.",
  Chats: "Чаты",
  "New person": "Новый человек",
  "Name of a new person": "Имя нового человека",
  Add: "Добавить",
  "Write, or paste a t.me link…": "Напишите или вставьте ссылку t.me…",
  Message: "Сообщение",
  Send: "Отправить",
  edited: "изменено",
  "blocked the bot": "бот заблокирован",
  "nothing yet": "пока пусто",
  "No chat yet": "Чатов пока нет",
  "No messages yet": "Сообщений пока нет",
  "Add a person on the left": "Добавьте человека слева",
  "Let the bot write again": "Разблокировать бота",
  "Block the bot": "Заблокировать бота",
  "The sandbox does not answer; trying again…": "Песочница не отвечает; пробуем снова…",
  "this person has blocked the bot": "этот человек заблокировал бота",
};

const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.languages.find((one) => /^(ru|en)/.test(one));
const english = wanted?.startsWith("en") ?? false;

export const locale = english ? "en" : "ru";
export const say = (words) => (english ? words : (RUSSIAN[words] ?? words));

if (english) {
  document.documentElement.lang = "en";
  const back = new Map(Object.entries(RUSSIAN).map(([words, russian]) => [russian, words]));
  for (const element of document.querySelectorAll("*")) {
    const places = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    for (const place of [...places, ...element.attributes]) {
      const words = back.get(place.nodeValue.trim());
      if (words) place.nodeValue = place.nodeValue.replace(place.nodeValue.trim(), words);
    }
  }
}
