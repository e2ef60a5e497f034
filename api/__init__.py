"""How people and programs talk to a node: `proto` (the contract), `server` (on the node), `client` and `cli` (on a laptop)."""
