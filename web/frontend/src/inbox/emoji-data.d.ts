declare module "emoji-data" {
  /** Each emoji with its group and the words it is found by, in both languages. */
  const all: [emoji: string, group: number, words: string][];
  export default all;
}
