// vk-io against the played VK.

import { Agent } from "node:http";
import { APIError, Keyboard, VK } from "vk-io";
import { digest, group, key, PICTURE, say, serve, url, way } from "./line.mjs";

const agent = new Agent({ keepAlive: true });
const secret = "s3cret of theirs";
const common = { token: key, apiBaseUrl: `${url}/method`, agent, pollingGroupId: Number(group) };
const asking = new VK(common);
const WANTED = [
  ...["message_new", "message_edit", "message_event", "message_reply", "message_allow"],
  ...["message_deny", "message_typing_state", "message_read"],
];

function listen(vk) {
  const { updates, api, upload } = vk;
  updates.on("message_new", async (heard) => {
    const peer_id = heard.peerId;
    if (heard.hasAttachments("photo")) {
      const [photo] = heard.getAttachments("photo");
      const got = await fetch(photo.largeSizeUrl);
      const bytes = Buffer.from(await got.arrayBuffer());
      const source = { value: PICTURE, filename: "a.png" };
      const mine = await upload.messagePhoto({ peer_id, source });
      const paper = { value: Buffer.from("%PDF-1.7"), filename: "a.pdf" };
      const file = await upload.messageDocument({ peer_id, source: paper });
      await heard.send({ message: "вот", attachment: [mine, file] });
      say({ photo: digest(bytes), caption: heard.text });
      return;
    }
    if (heard.geo) {
      say({ place: heard.geo.coordinates });
      return;
    }
    const builder = Keyboard.builder().inline();
    builder.callbackButton({ label: "Да", payload: { data: "yes" } }).row();
    builder.urlButton({ label: "Сайт", url: "https://shop.example/" });
    await heard.setActivity();
    const sent = await heard.reply(`Вы: ${heard.text}`, { keyboard: builder });
    const refused = await api.messages
      .send({ peer_id: 1, random_id: 7, message: "кто здесь" })
      .catch((error) => error);
    if (!(refused instanceof APIError)) throw refused;
    say({ text: heard.text, from: heard.senderId, sent: sent.conversationMessageId, refused: refused.code });
  });
  updates.on("message_event", async (pressed) => {
    await pressed.answer({ type: "show_snackbar", text: "Спасибо" });
    const cmid = pressed.conversationMessageId;
    await api.messages.edit({ peer_id: pressed.peerId, cmid, message: "Записали" });
    say({ pressed: pressed.eventPayload });
  });
  updates.on("message_edit", (heard) => heard.isOutbox || say({ edited: heard.text }));
  updates.on("message_reply", (heard) => heard.isOutbox || say({ unexpected: heard.text }));
  updates.on("message_subscription", (heard) => say({ subscribed: heard.isSubscribed }));
  updates.on("message_typing_state", (heard) => say({ typing: heard.isUser }));
}

if (way === "hook") {
  const group_id = Number(group);
  const { code } = await asking.api.groups.getCallbackConfirmationCode({ group_id });
  const vk = new VK({ ...common, webhookSecret: secret, webhookConfirmation: code });
  listen(vk);
  const root = await serve(vk.updates.getWebhookCallback("/door"));
  const door = { group_id, url: `${root}/door`, title: "theirs", secret_key: secret };
  const { server_id } = await asking.api.groups.addCallbackServer(door);
  const events = Object.fromEntries(WANTED.map((each) => [each, 1]));
  await asking.api.groups.setCallbackSettings({ group_id, server_id, api_version: "5.199", ...events });
} else {
  const events = Object.fromEntries(WANTED.map((each) => [each, 1]));
  const settings = { group_id: Number(group), enabled: 1, api_version: "5.199", ...events };
  await asking.api.groups.setLongPollSettings(settings);
  listen(asking);
  await asking.updates.startPolling();
}
const { groups } = await asking.api.groups.getById({});
say({ ready: groups[0].name, url: true });
