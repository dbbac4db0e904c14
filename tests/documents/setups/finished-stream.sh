# The demo after a bench of three small issues and a stream of two: a copy of one that ran once for all pages.
tar -xpf "$DOCUMENTS_ARCHIVES/finished-stream.tar"
cd demo
sed -i "s#$(sed -n 's#^  repo: \(.*\)/repo$#\1#p' bench.yaml)#$PWD#" bench.yaml
