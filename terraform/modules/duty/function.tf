# The duty as a function of the second generation, over HTTP.

locals {
  policy_folder     = "/etc/nightshift/policy"
  kubeconfig_folder = "/etc/nightshift/kubeconfig"
  is_private        = try(var.permissions.private, false) && var.network != null

  # A kubeconfig is a file; every other secret is a variable.
  file_secrets     = { for name, one in var.secrets : name => one if name == "KUBECONFIG" }
  variable_secrets = { for name, one in var.secrets : name => one if name != "KUBECONFIG" }

  environment = merge(
    {
      NODE_ENV          = "production"
      NIGHTSHIFT_POLICY = "${local.policy_folder}/policy.yaml"
      NIGHTSHIFT_STORE  = "firestore:${var.project}/${var.database}"
      PUBSUB_PROJECT    = var.project
    },
    local.process_variables,
    { for name in keys(local.file_secrets) : name => "${local.kubeconfig_folder}/config" },
    var.environment,
    coalesce(var.choice.environment, {}),
  )

  missing = [
    for one in try(var.permissions.needed, []) : one
    if !contains(keys(var.secrets), one.name) && !contains(keys(local.environment), one.name)
  ]
}

resource "google_cloudfunctions2_function" "this" {
  project     = var.project
  location    = var.region
  name        = local.name
  description = var.manifest.purpose

  labels = {
    duty   = var.manifest.name
    policy = substr(var.policy.sha256, 0, 16)
    bundle = var.choice.bundle == null ? substr(local.sha256, 0, 16) : "generation-${var.choice.bundle}"
  }

  build_config {
    runtime           = "nodejs24"
    entry_point       = var.manifest.name
    docker_repository = var.bundle.repository
    service_account   = var.bundle.build_account

    source {
      storage_source {
        bucket     = var.bundle.bucket
        object     = var.choice.bundle == null ? google_storage_bucket_object.bundle.name : google_storage_bucket_object.history.name
        generation = var.choice.bundle
      }
    }
  }

  service_config {
    service_account_email            = local.email
    available_memory                 = "${var.manifest.memoryMiB}Mi"
    available_cpu                    = var.manifest.concurrency > 1 ? "1" : null # several requests at a time need a whole one
    timeout_seconds                  = var.manifest.timeoutSeconds
    max_instance_request_concurrency = var.manifest.concurrency
    min_instance_count               = 0
    max_instance_count               = var.manifest.maxInstances
    ingress_settings                 = "ALLOW_ALL" # who may call is decided by identity
    all_traffic_on_latest_revision   = true
    environment_variables            = local.environment
    direct_vpc_egress                = local.is_private ? "VPC_EGRESS_PRIVATE_RANGES_ONLY" : null

    dynamic "direct_vpc_network_interface" {
      for_each = local.is_private ? [var.network] : []
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }

    dynamic "secret_environment_variables" {
      for_each = local.variable_secrets
      content {
        project_id = var.project
        key        = secret_environment_variables.key
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }

    secret_volumes {
      project_id = var.project
      mount_path = local.policy_folder
      secret     = var.policy.secret
      versions {
        version = var.policy.version
        path    = "policy.yaml"
      }
    }

    dynamic "secret_volumes" {
      for_each = local.file_secrets
      content {
        project_id = var.project
        mount_path = local.kubeconfig_folder
        secret     = secret_volumes.value.secret
        versions {
          version = secret_volumes.value.version
          path    = "config"
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.permissions != null
      error_message = "The policy gives ${var.manifest.name} no work: it names no scope under duties.${var.manifest.name}. Name one and run `npx nightshift rbac` again, or take ${var.manifest.name} out of var.duties."
    }
    precondition {
      condition = length(local.missing) == 0
      error_message = join(" ", concat(
        [for one in local.missing : "The policy has ${one.part}, for which ${var.manifest.name} needs ${one.name}."],
        ["Name the secret that holds it in var.secrets (a value that is no secret in var.environment), or take that part out of the policy."],
      ))
    }
    precondition {
      condition     = !(var.manifest.public && var.manifest.kind != "driver")
      error_message = "${var.manifest.name} says public in its function.yaml; only a driver that checks the sender's signature may be called without an identity."
    }
  }

  # The first instance starts before Terraform is done: it must be able to read its secrets.
  depends_on = [google_secret_manager_secret_iam_member.this]
}
