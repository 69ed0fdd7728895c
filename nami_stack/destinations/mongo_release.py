"""What a MongoDB host runs. Both move with a new version of nami alone, and `nami doctor` says who is behind."""

# Amazon's mirror of the official image (https://github.com/docker-library/mongo) has no limit on anonymous pulls from
# AWS. 8.0 is the release with long support; its arm64 build runs on Graviton2 (t4g) and later. The digest is that of
# this build: https://github.com/docker-library/repo-info/blob/master/repos/mongo/remote/8.0.32.md
# Before another major version: https://www.mongodb.com/docs/manual/release-notes/8.0-upgrade-standalone/
MONGO_IMAGE = (
    "public.ecr.aws/docker/library/mongo:8.0.32@sha256:9535c3627cc8c14b2768c7fd825dcd52c3247ba39f96d1cc5c129948d5fd5028"
)
# EC2 resolves it at each launch, so a replaced host is up to date while the template, and with it a deployment of
# something else, never changes by itself. As a template parameter each new image would roll the host. The kernel's line
# is named, since the default moves on each year, and MongoDB 8.0 does not start on some from 6.19 (SERVER-121912).
# 6.12 is supported as long as Amazon Linux 2023: https://docs.aws.amazon.com/linux/al2023/ug/kernel-update.html
KERNEL = "6.12"
AMAZON_LINUX = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-{KERNEL}-arm64"
