# Makes the archive that finished-bench.sh unpacks.
bench demo demo
cd demo
bench issues import
bench submit --issues dep-101,dep-102,dep-108 --k 3 --max-usd 50 --wait
bench down
cd ..
tar -cpf "$DOCUMENTS_ARCHIVE" demo
