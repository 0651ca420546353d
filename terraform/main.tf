# Every duty that is enabled, from its function.yaml.

module "duty" {
  source   = "./modules/duty"
  for_each = { for name, choice in var.duties : name => choice if contains(keys(local.manifests), name) }

  manifest = local.manifests[each.key]
  choice   = each.value
  project  = var.project
  region   = var.region
  number   = data.google_project.this.number
  database = var.database

  bundle = {
    zip           = "${var.bundles_folder}/${each.key}.zip"
    made_from     = "${var.bundles_folder}/${each.key}.built.json"
    bucket        = google_storage_bucket.bundles.name
    repository    = google_artifact_registry_repository.images.id
    build_account = "projects/${var.project}/serviceAccounts/${local.build_email}"
  }
  policy = {
    secret  = google_secret_manager_secret.policy.secret_id
    version = google_secret_manager_secret_version.policy.version
    sha256  = local.policy_sha256
  }
  permissions = try(local.permissions.duties[each.key], null)
  granted_on  = var.granted_on

  # A duty gets the settings that its capabilities name, and those that are nobody's in particular.
  environment = {
    for name, value in var.environment : name => value
    if !contains(local.permissions.settings, name) || contains(try(local.permissions.duties[each.key].settings, []), name)
  }
  secrets = {
    for key, one in merge(
      { for name, one in var.secrets : name => merge(one, { key = name }) },
      { for name, one in each.value.secrets : name => merge(one, { key = "${name} of ${each.key}" }) },
      ) : key => {
      secret  = one.secret
      version = try(data.google_secret_manager_secret_version.used[one.key].version, one.version)
    }
    if contains(try(local.permissions.duties[each.key].settings, []), key)
  }

  scheduler_email = local.scheduler_email
  push_email      = local.push_email
  invokers        = var.invokers
  network         = var.network

  depends_on = [google_project_service.needed]
}

# Who hands on to other duties may publish on their topics: every one that is there, and nothing else.
locals {
  publishers = [
    for name in keys(var.duties) : name
    if contains([for one in try(local.permissions.duties[name].roles, []) : one.on], "topics")
  ]
  topics = [for name in keys(var.duties) : name if try(local.manifests[name].triggers.topic, false)]
}

resource "google_pubsub_topic_iam_member" "hands_on" {
  for_each = { for pair in setproduct(local.publishers, local.topics) : join(" to ", pair) => pair }

  project = var.project
  topic   = module.duty[each.value[1]].topic
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${module.duty[each.value[0]].service_account}"
}

# A warning and no refusal: a first look around may do without.
check "settle" {
  assert {
    condition     = length(var.duties) == 0 || contains(keys(var.duties), "settle")
    error_message = "settle is not among the duties: nothing checks or undoes what is changed, and what waits to be told is not delivered."
  }
}
