# What functions/*/function.yaml says, with the defaults of the schema that the repository owns, and what was computed from the policy.

locals {
  schema = jsondecode(file("${path.module}/../functions/function.schema.json"))

  # A field that a file does not set has the default of the schema.
  manifest_defaults = { for name, field in local.schema.properties : name => field.default if can(field.default) }
  trigger_defaults  = { for name, field in local.schema.properties.triggers.properties : name => field.default if can(field.default) }

  manifest_files = {
    for file in fileset(var.functions_folder, "*/function.yaml") : dirname(file) => "${var.functions_folder}/${file}"
  }
  manifests = {
    for name, file in local.manifest_files : name => merge(
      local.manifest_defaults,
      yamldecode(file(file)),
      { triggers = merge(local.trigger_defaults, yamldecode(file(file)).triggers) },
      { sha256 = filesha256(file) },
    )
  }

  nothing     = { project = var.project, policySha256 = "", settings = [], duties = {} }
  permissions = try(jsondecode(file(var.permissions_file)), local.nothing)

  # Secrets of one function alone stand beside those of all, each under a name of its own.
  wanted_secrets = merge(var.secrets, [
    for duty, choice in var.duties : { for setting, one in choice.secrets : "${setting} of ${duty}" => one }
  ]...)
  existing_secrets = [for one in data.google_secret_manager_secrets.existing.secrets : one.secret_id]
}

data "google_project" "this" {
  project_id = var.project
}

data "google_cloud_run_locations" "available" {
  project = var.project
}

# Names only: a plan that knows them can refuse one that is not there.
data "google_secret_manager_secrets" "existing" {
  project = var.project
}

data "google_secret_manager_secret_version" "used" {
  for_each = { for key, one in local.wanted_secrets : key => one if contains(local.existing_secrets, one.secret) }

  project           = var.project
  secret            = each.value.secret
  version           = each.value.version == "latest" ? null : each.value.version
  fetch_secret_data = false # "latest" becomes a number, so that a new version rolls the functions; the value stays where it is
}
