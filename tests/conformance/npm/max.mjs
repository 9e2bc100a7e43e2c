// MAX's own client for Node against the played MAX.

import { Bot, ImageAttachment, Keyboard, MaxError } from "@maxhub/max-bot-api";
import { digest, key, PICTURE, say, serve, url, way } from "./line.mjs";

const bot = new Bot(key, { clientOptions: { baseUrl: url } });
bot.catch((error) => {
  throw error;
});
const { button, inlineKeyboard } = Keyboard;
const WANTED = [
  ...["message_created", "message_callback", "message_edited", "message_removed"],
  ...["bot_started", "bot_stopped"],
];

bot.on("bot_started", async (asked) => {
  await asked.sendAction("typing_on");
  const keys = [[button.callback("Да", "yes"), button.link("Сайт", "https://shop.example/")]];
  const sent = await asked.reply("<b>Добрый</b> день", {
    format: "html",
    attachments: [inlineKeyboard(keys)],
  });
  say({ start: asked.startPayload, from: asked.user.name, sent: sent.body.mid });
});

bot.action("yes", async (pressed) => {
  await pressed.answerOnCallback({ notification: "Спасибо" });
  await pressed.editMessage({ text: "Записали", attachments: [] });
  say({ pressed: pressed.callback.payload });
});

bot.on("message_created", async (heard) => {
  const { body } = heard.message;
  const [attached] = body.attachments ?? [];
  if (attached?.type === "image") {
    const got = await fetch(attached.payload.url);
    const bytes = Buffer.from(await got.arrayBuffer());
    const picture = await heard.api.uploadImage({ source: PICTURE });
    if (!(picture instanceof ImageAttachment)) throw new Error("no picture");
    const file = await heard.api.uploadFile({ source: Buffer.from("%PDF-1.7") });
    await heard.reply("вот", { attachments: [picture.toJson()] });
    await heard.reply("", { attachments: [file.toJson()] });
    say({ photo: digest(bytes), caption: body.text });
  } else if (attached?.type === "location") {
    say({ place: heard.location });
  } else if (attached?.type === "contact") {
    say({ phone: heard.contactInfo.tel });
  } else {
    const sent = await heard.reply(`Вы: ${body.text}`, { link: { type: "reply", mid: body.mid } });
    const gone = await heard.reply("лишнее");
    await heard.deleteMessage(gone.body.mid);
    const same = await heard.getMessage(sent.body.mid);
    const refused = await heard.api.sendMessageToUser(1, "кто здесь").catch((error) => error);
    if (!(refused instanceof MaxError)) throw refused;
    say({ text: body.text, same: same.body.text, refused: refused.status });
  }
});

bot.on("message_edited", (heard) => say({ edited: heard.message.body.text }));
bot.on("message_removed", (heard) => say({ removed: heard.messageId }));
bot.on("bot_stopped", (heard) => say({ stopped: heard.user.name }));

bot.botInfo = await bot.api.getMyInfo();
if (way === "hook") {
  const secret = "s3cret_of_theirs";
  // Its own server tells MAX an address of port 443 only; the door in it is the same.
  const root = await serve(bot.webhookCallback({ domain: "hub.example", path: "/door", secret }));
  const { success } = await bot.api.subscribe(`${root}/door`, secret, WANTED);
  const [known] = await bot.api.getSubscriptions();
  say({ ready: bot.botInfo.name, url: success && known.url === `${root}/door` });
} else {
  say({ ready: bot.botInfo.name, url: true });
  await bot.start({ mode: "polling", options: { allowedUpdates: WANTED, retry: false } });
}
