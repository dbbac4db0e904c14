# The bundle of a policy, in the directory `bundle`.
tar -xpf "$DOCUMENTS_ARCHIVES/bundle.tar"
