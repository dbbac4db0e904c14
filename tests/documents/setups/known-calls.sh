# A farm with a bench of forty issues, whose outcomes are drawn from a known model, and with recorded model calls.
mkdir -p demo && cd demo
printf 'workcell: {repo: .}\n' > bench.yaml
PYTHONPATH="$DOCUMENTS_REPOSITORY" python -P -m tests.documents.known_benches metered
bench estimates publish
