# Makes the archive that finished-stream.sh unpacks.
. "$DOCUMENTS_SETUPS/finished-bench.sh"
cp bench.yaml stream.yaml
printf 'slices: {easy: {dk_risk: [low], dk_size: [XS]}}\n' >> stream.yaml
bench run --once --slice easy --config stream.yaml
bench down
rm stream.yaml
cd ..
tar -cpf "$DOCUMENTS_ARCHIVE" demo
