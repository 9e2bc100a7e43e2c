"""Who is to be called back and when: one live order for a phone, and what people do with it."""
