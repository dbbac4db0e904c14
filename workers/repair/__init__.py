"""The built-in program repairer: generate single edits, validate them against the failing tests."""
