"""The product's rules and its data; knows no platform, no HTTP, no telephone engine."""
