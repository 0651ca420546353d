# Sourced by bitbucket-pipelines.yml: Terraform with its sum checked, Google credentials from the pipeline's own token, and the state's bucket.
set -eu
terraform_version=1.11.4
curl -fsSLO "https://releases.hashicorp.com/terraform/$terraform_version/terraform_${terraform_version}_linux_amd64.zip"
curl -fsSL "https://releases.hashicorp.com/terraform/$terraform_version/terraform_${terraform_version}_SHA256SUMS" | grep linux_amd64 | sha256sum --check
apt-get update -qq && apt-get install -yqq unzip
unzip -qo "terraform_${terraform_version}_linux_amd64.zip" terraform -d /usr/local/bin

printf %s "$BITBUCKET_STEP_OIDC_TOKEN" > /tmp/token
cat > /tmp/credentials.json <<JSON
{
  "type": "external_account",
  "audience": "//iam.googleapis.com/$WORKLOAD_IDENTITY_PROVIDER",
  "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
  "token_url": "https://sts.googleapis.com/v1/token",
  "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$DEPLOYER:generateAccessToken",
  "credential_source": { "file": "/tmp/token" }
}
JSON
export GOOGLE_APPLICATION_CREDENTIALS=/tmp/credentials.json

cd terraform
printf 'terraform {\n  backend "gcs" {\n    bucket = "%s"\n  }\n}\n' "$STATE_BUCKET" > backend.tf
terraform init -input=false
