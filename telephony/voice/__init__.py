"""What is heard in calls: words made of texts, texts made sounds, recordings made playable."""
