// What is the same in every language: examples of values, and where they are got.

export const EXAMPLES: Record<string, string> = {
  "api_url": "https://bot-api.example.com",
  "telegram.token": "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
  "vk.group_id": "123456789",
  "whatsapp.phone_number_id": "106540352242922",
  "greenapi.api_url": "https://7103.api.greenapi.com",
  "greenapi.instance_id": "7103000000",
  "asterisk.api_url": "http://127.0.0.1:8088",
  "asterisk.user": "otklik",
  "smsaero.email": "sales@example.com",
  "recording": "https://example.com/hello.mp3",
};

export const LINKS: Record<string, string> = {
  telegram: "https://t.me/BotFather",
  max: "https://business.max.ru",
  vk: "https://vk.com/groups?tab=admin",
  whatsapp: "https://developers.facebook.com/apps",
  greenapi: "https://console.green-api.com",
  viber: "https://partners.viber.com",
  smsaero: "https://smsaero.ru/cabinet/settings/apikey/",
  mango: "https://lk.mango-office.ru",
  asterisk: "https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/",
  tilda: "https://tilda.cc/projects/",
  marquiz: "https://panel.marquiz.ru",
  jivosite: "https://app.jivosite.com",
};
