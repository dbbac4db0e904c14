# A farm with a bench large enough to tell the parts of an action apart; its outcomes are drawn from a known model.
mkdir -p demo && cd demo
printf 'workcell: {repo: .}\n' > bench.yaml
PYTHONPATH="$DOCUMENTS_REPOSITORY" python -P -m tests.documents.known_benches parts
