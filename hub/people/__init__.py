"""The persons behind identities: who they are, what they agreed to, made one, erased."""
