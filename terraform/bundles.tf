# Where bundles lie and images are built from them, and as whom.

locals {
  kept_versions = 3
  build_email   = "${google_service_account.build.account_id}@${var.project}.iam.gserviceaccount.com"
}

resource "google_storage_bucket" "bundles" {
  name                        = "${replace(var.project, ":", "-")}-nightshift"
  project                     = var.project
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # bundles are built from the sources again

  versioning {
    enabled = true
  }

  # history/<duty>.zip keeps its last versions for a rollback.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      matches_prefix     = ["history/"]
      num_newer_versions = local.kept_versions
      with_state         = "ARCHIVED"
    }
  }

  # A replaced bundle is in no use once its function is rolled.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      matches_prefix             = ["bundles/"]
      days_since_noncurrent_time = 1
      with_state                 = "ARCHIVED"
    }
  }

  # Deleted means deleted: the default keeps, and bills, a week more.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.needed]
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "nightshift"
  format        = "DOCKER"
  description   = "Images of the functions"

  # A policy that keeps does nothing alone: it is an exception from one that deletes.
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "86400s"
    }
  }
  cleanup_policies {
    id     = "keep-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = local.kept_versions
    }
  }

  depends_on = [google_project_service.needed]
}

# Builds run as this account and not as the project's default one, which can often do everything.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "nightshift-build"
  display_name = "Nightshift: builds the functions"
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = "serviceAccount:${local.build_email}"
}

resource "google_storage_bucket_iam_member" "build_reads" {
  bucket = google_storage_bucket.bundles.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${local.build_email}"
}

resource "google_artifact_registry_repository_iam_member" "build_writes" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${local.build_email}"
}
