# The duty's own account and what it may do, from the table of capabilities; and who may call the duty.

locals {
  name   = "nightshift-${var.manifest.name}"
  email  = "${google_service_account.this.account_id}@${var.project}.iam.gserviceaccount.com"
  member = "serviceAccount:${local.email}"
  roles  = try(var.permissions.roles, [])

  on_project = toset([for one in local.roles : one.role if contains(["project", "cluster"], one.on)])
  on_store   = toset([for one in local.roles : one.role if one.on == "store"])
  on_dataset = { for pair in setproduct([for one in local.roles : one.role if one.on == "dataset"], var.granted_on.datasets) : join(" ", pair) => pair }
  on_bucket  = { for pair in setproduct([for one in local.roles : one.role if one.on == "bucket"], var.granted_on.buckets) : join(" ", pair) => pair }
  on_repository = {
    for pair in setproduct([for one in local.roles : one.role if one.on == "repository"], var.granted_on.repositories) : join(" ", pair) => pair
  }

  callers = merge(
    local.schedule == null ? {} : { scheduler = "serviceAccount:${var.scheduler_email}" },
    local.has_topic ? { push = "serviceAccount:${var.push_email}" } : {},
    { for one in var.invokers : one => one },
    # It checks the signature of the sender itself.
    var.manifest.public ? { everybody = "allUsers" } : {},
  )
}

resource "google_service_account" "this" {
  project      = var.project
  account_id   = local.name
  display_name = "Nightshift: ${var.manifest.name}"
  description  = substr(var.manifest.purpose, 0, 256)
}

resource "google_project_iam_custom_role" "this" {
  for_each = try(var.permissions.permissions, {})

  project     = each.key
  role_id     = replace(local.name, "-", "_")
  title       = "Nightshift: ${var.manifest.name}"
  permissions = each.value
}

resource "google_project_iam_member" "custom" {
  for_each = google_project_iam_custom_role.this

  project = each.key
  role    = "projects/${each.key}/roles/${each.value.role_id}"
  member  = local.member
}

resource "google_project_iam_member" "role" {
  for_each = local.on_project

  project = var.project
  role    = each.value
  member  = local.member
}

resource "google_project_iam_member" "store" {
  for_each = local.on_store

  project = var.project
  role    = each.value
  member  = local.member

  condition {
    title      = "Nightshift's database only"
    expression = "resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
}

resource "google_bigquery_dataset_iam_member" "this" {
  for_each = local.on_dataset

  project    = var.project
  role       = each.value[0]
  dataset_id = each.value[1]
  member     = local.member
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = local.on_bucket

  role   = each.value[0]
  bucket = each.value[1]
  member = local.member
}

resource "google_artifact_registry_repository_iam_member" "this" {
  for_each = local.on_repository

  project    = var.project
  role       = each.value[0]
  location   = split("/", each.value[1])[0]
  repository = split("/", each.value[1])[1]
  member     = local.member
}

resource "google_secret_manager_secret_iam_member" "this" {
  for_each = merge({ policy = var.policy.secret }, { for name, one in var.secrets : name => one.secret })

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member
}

resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = local.callers

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this.name # the service of a function has its name
  role     = "roles/run.invoker"
  member   = each.value
}
