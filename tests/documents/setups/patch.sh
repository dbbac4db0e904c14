# A repository, and a patch of it that is not applied yet.
git init -q app && cd app
echo before > data.bin
git add data.bin && git commit -qm 'add data'
echo after > data.bin
git diff > patch.diff
git restore data.bin
