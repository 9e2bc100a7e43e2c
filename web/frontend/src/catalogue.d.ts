declare module "catalogue" {
  const texts: import("./texts").Texts;
  export default texts;
}

declare module "*.css" {
  const text: string;
  export default text;
}

declare const PANEL_HASH: string;
