# The demo with its backlog imported; nothing has run.
bench demo demo
cd demo
bench issues import
