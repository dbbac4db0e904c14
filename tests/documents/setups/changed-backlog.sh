# The demo with its backlog imported; then the file has a bad line, and some issues are other than they were.
bench demo demo
cd demo
bench issues import
sed -i -e '2s/"status": "open"/"status": "closed"/' -e '3s/"dk_priority": "P3"/"dk_priority": "P0"/' \
  -e '2,3s/"updated": "[^"]*"/"updated": "2026-11-20T08:00:00Z"/' -e '14s/$/,/' -e '20d' .beads/issues.jsonl
