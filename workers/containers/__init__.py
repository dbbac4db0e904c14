"""Container sandbox: the engine of this machine (podman or docker), its images, and the rung that uses both."""
