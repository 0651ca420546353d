#!/usr/bin/env bash
# Sourced by bitbucket-pipelines.yml: Terraform with its sum checked, Google credentials from the pipeline's own token, and the state's bucket.
# Leaves the shell in terraform/, where `terraform plan` and `terraform apply` follow.
set -eu
: "${STATE_BUCKET:?Set the repository variable STATE_BUCKET to the bucket that holds the state.}"
: "${DEPLOYER:?Set the repository variable DEPLOYER to the e-mail address of the service account that applies.}"
: "${WORKLOAD_IDENTITY_PROVIDER:?Set the repository variable WORKLOAD_IDENTITY_PROVIDER, as projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.}"
: "${BITBUCKET_STEP_OIDC_TOKEN:?The step has no token: it needs oidc: true.}"

terraform_version=1.11.4
release="terraform_${terraform_version}_linux_amd64.zip"
address="https://releases.hashicorp.com/terraform/$terraform_version"
umask 077
tools=$(mktemp -d)

command -v unzip > /dev/null || (apt-get update -qq && apt-get install -yqq unzip)
curl -fsSL -o "$tools/$release" "$address/$release"
curl -fsSL -o "$tools/sums" "$address/terraform_${terraform_version}_SHA256SUMS"
(cd "$tools" && grep -F "  $release" sums | sha256sum --check)
unzip -q "$tools/$release" terraform -d "$tools"
export PATH="$tools:$PATH"

printf %s "$BITBUCKET_STEP_OIDC_TOKEN" > "$tools/token"
cat > "$tools/credentials.json" <<JSON
{
  "type": "external_account",
  "audience": "//iam.googleapis.com/$WORKLOAD_IDENTITY_PROVIDER",
  "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
  "token_url": "https://sts.googleapis.com/v1/token",
  "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$DEPLOYER:generateAccessToken",
  "credential_source": { "file": "$tools/token" }
}
JSON
export GOOGLE_APPLICATION_CREDENTIALS="$tools/credentials.json"

cd terraform
printf 'terraform {\n  backend "gcs" {\n    bucket = "%s"\n  }\n}\n' "$STATE_BUCKET" > backend.tf
terraform init -input=false
