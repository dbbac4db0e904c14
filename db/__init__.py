"""The database: tables, states, SQL functions, repositories, the ledger and the report views."""
