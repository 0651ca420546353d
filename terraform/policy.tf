# The policy as a secret that the functions mount. It holds no secrets, but a mounted file is how a function gets one.

locals {
  # A file that is not there is refused by var.policy_file, in words.
  policy_text   = try(file(var.policy_file), "")
  policy_sha256 = sha256(local.policy_text)
}

resource "google_secret_manager_secret" "policy" {
  project   = var.project
  secret_id = "nightshift-policy"

  replication {
    auto {}
  }

  depends_on = [google_project_service.needed]
}

# A changed policy makes a new version, and the new version's number rolls the functions.
resource "google_secret_manager_secret_version" "policy" {
  secret                 = google_secret_manager_secret.policy.id
  secret_data_wo         = local.policy_text
  secret_data_wo_version = parseint(substr(local.policy_sha256, 0, 12), 16)

  lifecycle {
    create_before_destroy = true
  }
}
