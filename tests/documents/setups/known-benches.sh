# A farm with benches of forty and of two hundred issues, whose outcomes are drawn from a known model.
mkdir -p demo && cd demo
printf 'workcell: {repo: .}\n' > bench.yaml
PYTHONPATH="$DOCUMENTS_REPOSITORY" python -P -m tests.documents.known_benches known single minutes parts
