"""Write-back of the results of stream runs to the sources of their issues: Beads files, bd databases, GitHub."""
