# A check-out of this project, as a reader has it, whose environment is installed already.
git -C "$DOCUMENTS_REPOSITORY" ls-files -z --cached --others --exclude-standard |
  tar -C "$DOCUMENTS_REPOSITORY" --null --files-from - --ignore-failed-read -cf - | tar -xf -
# Older than the environment: make installs nothing, and above all not into the environment of the tests.
find . -type f -exec touch -d 2000-01-01 {} +
ln -s "$DOCUMENTS_VENV" .venv
