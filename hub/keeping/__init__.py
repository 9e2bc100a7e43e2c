"""What keeps a hub safe over the years: keys, secrets, copies, proofs, and what went wrong."""
