"""Gates: verification commands, run where the candidate cannot have prepared anything."""
