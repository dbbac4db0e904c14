"""Price table of tokens, shared by adapters and gateway: published prices with the user's file over them."""
