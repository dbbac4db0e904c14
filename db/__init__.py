"""The truth: tables, states, repositories, the ledger and the report views."""
