/** What is kept in this browser; where a site or browser forbids that, as long as the page lives. */
export class Shelf {
  private readonly own = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  get(name: string): string | null {
    try {
      return localStorage.getItem(this.prefix + name) ?? this.own.get(name) ?? null;
    } catch {
      return this.own.get(name) ?? null;
    }
  }

  set(name: string, value: string): void {
    this.own.set(name, value);
    try {
      localStorage.setItem(this.prefix + name, value);
      this.own.delete(name);
    } catch {
      // Kept in `own`.
    }
  }

  remove(name: string): void {
    this.own.delete(name);
    try {
      localStorage.removeItem(this.prefix + name);
    } catch {
      // Nothing was stored.
    }
  }

  /** What was put by `write`, or nothing if there is none that can be read. */
  read<T>(name: string): T | null {
    try {
      return JSON.parse(this.get(name) ?? "null") as T | null;
    } catch {
      return null;
    }
  }

  write(name: string, value: object): void {
    this.set(name, JSON.stringify(value));
  }

  names(): string[] {
    const names = new Set(this.own.keys());
    try {
      for (let i = 0; i < localStorage.length; i += 1) {
        const name = localStorage.key(i);
        if (name?.startsWith(this.prefix)) names.add(name.slice(this.prefix.length));
      }
    } catch {
      // Only our own then.
    }
    return [...names];
  }
}
