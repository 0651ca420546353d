# What a deployment chooses. Everything else comes from functions/*/function.yaml, the policy and the table of capabilities.

variable "project" {
  description = "Google Cloud project of the functions, their schedules and the store."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "\"${var.project}\" is no project id. `gcloud projects list` shows those that you can use."
  }
}

variable "region" {
  description = "Region of the functions, their schedules and the bucket of bundles, such as europe-west3."
  type        = string

  validation {
    condition     = contains(data.google_cloud_run_locations.available.locations, var.region)
    error_message = "Functions cannot run in \"${var.region}\". Regions: ${join(", ", data.google_cloud_run_locations.available.locations)}."
  }
}

variable "duties" {
  description = "The functions that are deployed, by their folder in functions/, each with what differs from its function.yaml."
  type = map(object({
    schedule    = optional(string)      # cron expression of five fields
    timezone    = optional(string)      # IANA time zone
    environment = optional(map(string)) # more variables for this function alone
    secrets = optional(map(object({     # in place of those of var.secrets, for this function alone
      secret  = string
      version = optional(string, "latest")
    })), {})
    bundle = optional(number) # generation of an earlier bundle in the bucket, to roll back to
  }))

  validation {
    condition = length(setsubtract(keys(var.duties), keys(local.manifests))) == 0
    error_message = join(" ", [
      "There is no duty ${join(", ", setsubtract(keys(var.duties), keys(local.manifests)))} in ${var.functions_folder}.",
      "Duties: ${join(", ", keys(local.manifests))}.",
    ])
  }

  validation {
    condition = length(setsubtract(flatten([for one in values(var.duties) : [for own in values(one.secrets) : own.secret]]), local.existing_secrets)) == 0
    error_message = join(" ", [
      "There is no secret ${join(", ", setsubtract(flatten([for one in values(var.duties) : [for own in values(one.secrets) : own.secret]]), local.existing_secrets))} in the project ${var.project}.",
      "Make it: printf %s \"$VALUE\" | gcloud secrets create NAME --project ${var.project} --data-file=-",
    ])
  }

  validation {
    condition = alltrue([
      for name, one in var.duties : length(setsubtract(keys(one.secrets), try(local.permissions.duties[name].settings, keys(one.secrets)))) == 0
    ])
    error_message = join(" ", [
      for name, one in var.duties : "${name} does not read ${join(", ", setsubtract(keys(one.secrets), try(local.permissions.duties[name].settings, keys(one.secrets))))}: take it out of its secrets."
      if length(setsubtract(keys(one.secrets), try(local.permissions.duties[name].settings, keys(one.secrets)))) > 0
    ])
  }
}

variable "policy_file" {
  description = "The policy; `nightshift init` writes one. It holds no secrets."
  type        = string
  default     = "../nightshift.yaml"

  validation {
    condition     = fileexists(var.policy_file)
    error_message = "There is no policy ${var.policy_file}. Write one with: npx nightshift init --out nightshift.yaml"
  }

  validation {
    condition     = !fileexists(var.policy_file) || can(yamldecode(file(var.policy_file)))
    error_message = "${var.policy_file} is not YAML. Find the line with: npx nightshift policy check ${var.policy_file}"
  }

  validation {
    # The command checks the policy against its schema before it writes anything, so that its output vouches for the policy.
    condition     = try(filesha256(var.policy_file) == local.permissions.policySha256, true)
    error_message = "${var.policy_file} was not checked since it was last changed. Run, and see what it says is wrong: npx nightshift rbac --policy ${var.policy_file} --project ${var.project}"
  }
}

variable "permissions_file" {
  description = "What `nightshift rbac` wrote: the permissions of each duty under the policy."
  type        = string
  default     = "../dist/rbac/permissions.json"

  validation {
    condition     = fileexists(var.permissions_file)
    error_message = "There is no ${var.permissions_file}. Make it from the policy: npx nightshift rbac --policy POLICY --project ${var.project}"
  }

  validation {
    condition     = !fileexists(var.permissions_file) || try(jsondecode(file(var.permissions_file)).project == var.project, false)
    error_message = "${var.permissions_file} was not made for the project ${var.project}. Make it anew: npx nightshift rbac --policy POLICY --project ${var.project}"
  }
}

variable "functions_folder" {
  description = "Folder with a folder for each duty."
  type        = string
  default     = "../functions"
}

variable "bundles_folder" {
  description = "Folder that `npm run build` writes the bundles to."
  type        = string
  default     = "../dist"
}

variable "secrets" {
  description = "Setting (SLACK_BOT_TOKEN, KUBECONFIG …) to the secret in Secret Manager that holds it. Values never pass through Terraform."
  type = map(object({
    secret  = string
    version = optional(string, "latest")
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.secrets), local.permissions.settings)) == 0
    error_message = "No duty reads ${join(", ", setsubtract(keys(var.secrets), local.permissions.settings))}. Settings that may be secrets: ${join(", ", local.permissions.settings)}."
  }

  validation {
    condition = length(setsubtract([for one in values(var.secrets) : one.secret], local.existing_secrets)) == 0
    error_message = join(" ", [
      "There is no secret ${join(", ", setsubtract([for one in values(var.secrets) : one.secret], local.existing_secrets))} in the project ${var.project}.",
      "Make it: printf %s \"$VALUE\" | gcloud secrets create NAME --project ${var.project} --data-file=-",
    ])
  }
}

variable "environment" {
  description = "More variables for every function. What only some duties read, such as JIRA_EMAIL, goes to those."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.environment), keys(var.secrets))) == 0
    error_message = "${join(", ", setintersection(keys(var.environment), keys(var.secrets)))} stands in environment and in secrets; take one of them away."
  }
}

variable "invokers" {
  description = "Who else may call the functions, such as group:devops@example.com."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.invokers : can(regex("^(user|group|serviceAccount|domain):[^:]+$", one))])
    error_message = "An invoker is user:…, group:…, serviceAccount:… or domain:…. What is public says so in its function.yaml."
  }
}

variable "network" {
  description = "The way to what has a private address only (cluster, metrics, Ollama). Absent: none is needed."
  type = object({
    network    = string
    subnetwork = string
    tags       = optional(list(string), [])
  })
  default = null
}

variable "database" {
  description = "Name of the store's Firestore database."
  type        = string
  default     = "nightshift"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database))
    error_message = "\"${var.database}\" is no name for a database: 4 to 63 characters of a-z, 0-9 and -. Nightshift wants one of its own, not (default)."
  }
}

variable "database_location" {
  description = "Location of that database, such as eur3; the region when absent."
  type        = string
  default     = null
}

variable "granted_on" {
  description = "The datasets, buckets and repositories that capabilities of a duty are granted on, and no others."
  type = object({
    datasets     = optional(list(string), [])
    buckets      = optional(list(string), [])
    repositories = optional(list(string), []) # location/name, as in Artifact Registry
  })
  default = {}
}
