#!/usr/bin/env bash
# Puts another version of Swagger UI beside our page: tools/swagger-ui.sh 5.35.0. Needs npm.
set -euo pipefail
cd "$(dirname "$0")/../server/openapi/assets"

version="${1:?which version, for example 5.35.0}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
npm pack --silent --pack-destination "$scratch" "swagger-ui-dist@$version" >/dev/null
tar -xzf "$scratch/swagger-ui-dist-$version.tgz" -C "$scratch"
for file in swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css LICENSE NOTICE; do
    install -m 644 "$scratch/package/$file" "$file"
done
sed -i "1s/.*/# Swagger UI $version/" README.md
