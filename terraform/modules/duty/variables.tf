# What the root module hands in for one duty.

variable "manifest" {
  description = "Its function.yaml with the schema's defaults filled in, and the sha256 of the file."
  type = object({
    name           = string
    kind           = string
    purpose        = string
    fanOut         = bool
    public         = bool
    timeoutSeconds = number
    memoryMiB      = number
    concurrency    = number
    maxInstances   = number
    retries        = number
    sha256         = string
    triggers = object({
      schedule = optional(string)
      timezone = string
      topic    = bool
      http     = bool
    })
  })
}

variable "choice" {
  description = "What this deployment wants otherwise."
  type = object({
    schedule    = optional(string)
    timezone    = optional(string)
    environment = optional(map(string))
    bundle      = optional(number)
  })

  validation {
    condition     = var.choice.schedule == null || can(regex(local.cron, var.choice.schedule))
    error_message = "The schedule \"${coalesce(var.choice.schedule, "-")}\" of ${var.manifest.name} is no cron expression of five fields (minute, hour, day of month, month, day of week), such as */15 * * * *."
  }

  validation {
    condition     = var.choice.timezone == null || contains(local.timezones, coalesce(var.choice.timezone, "UTC"))
    error_message = "The time zone \"${coalesce(var.choice.timezone, "-")}\" of ${var.manifest.name} is not known. It is the name of a place, such as Europe/Berlin, or UTC."
  }

  validation {
    condition     = var.choice.schedule == null || var.manifest.triggers.schedule != null
    error_message = "${var.manifest.name} has no schedule in its function.yaml: it is called, not scheduled. Take its schedule out of var.duties."
  }
}

variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "number" {
  description = "Number of the project, which Google's own accounts carry in their names."
  type        = string
}

variable "database" {
  type = string
}

variable "bundle" {
  type = object({
    zip           = string # path
    made_from     = string # path of what `npm run build` tells about it
    bucket        = string
    repository    = string
    build_account = string
  })
}

variable "policy" {
  type = object({
    secret  = string
    version = string
    sha256  = string
  })
}

variable "permissions" {
  description = "Its part of what `nightshift rbac` wrote; null when the policy gives it no work."
  type = object({
    roles       = list(object({ role = string, on = string }))
    permissions = map(list(string))                                            # project to single permissions
    needed      = optional(list(object({ name = string, part = string })), []) # settings, each with the part of the policy that asks for it
    private     = bool
  })
}

variable "granted_on" {
  type = object({
    datasets     = list(string)
    buckets      = list(string)
    repositories = list(string)
  })
}

variable "environment" {
  type = map(string)
}

variable "secrets" {
  description = "Setting to the secret and version that hold it."
  type        = map(object({ secret = string, version = string }))
}

variable "scheduler_email" {
  type = string
}

variable "push_email" {
  type = string
}

variable "invokers" {
  type = list(string)
}

variable "network" {
  type = object({
    network    = string
    subnetwork = string
    tags       = list(string)
  })
  default = null
}
