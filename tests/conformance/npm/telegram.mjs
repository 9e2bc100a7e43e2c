// grammY against the played Telegram.

import { Bot, GrammyError, InlineKeyboard, InputFile, InputMediaBuilder, webhookCallback } from "grammy";
import { digest, key, PICTURE, say, serve, url, way } from "./line.mjs";

const bot = new Bot(key, { client: { apiRoot: url } });
const WANTED = ["message", "edited_message", "callback_query", "message_reaction", "my_chat_member"];

bot.command("start", async (asked) => {
  await asked.replyWithChatAction("typing");
  const sent = await asked.reply("Добрый день", {
    entities: [{ type: "bold", offset: 0, length: 6 }],
    reply_markup: new InlineKeyboard().text("Да", "yes").url("Сайт", "https://shop.example/"),
  });
  say({ start: asked.match, from: asked.from.first_name, sent: sent.message_id });
});

bot.callbackQuery("yes", async (pressed) => {
  await pressed.answerCallbackQuery("Спасибо");
  await pressed.editMessageText("Записали");
  say({ pressed: pressed.callbackQuery.data });
});

bot.on("message:text", async (heard) => {
  await heard.react("👍");
  await heard.reply(`Вы: ${heard.message.text}`, {
    reply_parameters: { message_id: heard.message.message_id },
  });
  const gone = await heard.reply("лишнее");
  await heard.api.deleteMessage(heard.chat.id, gone.message_id);
  const refused = await heard.api.sendMessage(1, "кто здесь").catch((error) => error);
  if (!(refused instanceof GrammyError)) throw refused;
  say({ text: heard.message.text, refused: [refused.error_code, refused.description] });
});

bot.on("message:photo", async (heard) => {
  const file = await heard.getFile();
  const got = await fetch(`${url}/file/bot${key}/${file.file_path}`);
  const bytes = Buffer.from(await got.arrayBuffer());
  await heard.replyWithPhoto(new InputFile(PICTURE, "a.png"), { caption: "вот" });
  await heard.replyWithDocument(new InputFile(Buffer.from("%PDF-1.7"), "a.pdf"));
  const two = [0, 1].map(() => InputMediaBuilder.photo(new InputFile(PICTURE, "a.png")));
  const album = await heard.replyWithMediaGroup(two);
  say({ photo: digest(bytes), caption: heard.message.caption, album: album.length });
});

bot.on("message:location", (heard) => say({ place: heard.message.location }));
bot.on("message:contact", (heard) => say({ phone: heard.message.contact.phone_number }));
bot.on("edited_message:text", (heard) => say({ edited: heard.editedMessage.text }));
bot.on("message_reaction", (heard) => say({ reaction: heard.reactions().emojiAdded }));
bot.on("my_chat_member", (heard) => say({ member: heard.myChatMember.new_chat_member.status }));

await bot.init();
if (way === "hook") {
  const secret = "s3cret_of_theirs";
  const root = await serve(webhookCallback(bot, "http", { secretToken: secret }));
  await bot.api.setWebhook(`${root}/door`, { secret_token: secret, allowed_updates: WANTED });
  const told = await bot.api.getWebhookInfo();
  say({ ready: bot.botInfo.username, url: told.url === `${root}/door` });
} else {
  await bot.start({
    allowed_updates: WANTED,
    onStart: (me) => say({ ready: me.username, url: true }),
  });
}
