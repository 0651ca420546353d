# When the duty runs: its Cloud Scheduler job, and the topic over which its scopes are handed out.

locals {
  timezones = jsondecode(file("${path.module}/../../timezones.json"))

  # Each field is a list of `*`, a number or a range, each with an optional step.
  cron_values = [
    "[0-5]?[0-9]",
    "(?:[01]?[0-9]|2[0-3])",
    "(?:0?[1-9]|[12][0-9]|3[01])",
    "(?:0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
    "(?:[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
  ]
  cron_parts  = [for value in local.cron_values : "(?:\\*|${value}(?:-${value})?)(?:/[1-9][0-9]?)?"]
  cron_fields = [for part in local.cron_parts : "${part}(?:,${part})*"]
  cron        = "(?i)^${join(" ", local.cron_fields)}$"

  schedule  = var.manifest.triggers.schedule == null ? null : coalesce(var.choice.schedule, var.manifest.triggers.schedule)
  timezone  = coalesce(var.choice.timezone, var.manifest.triggers.timezone)
  has_topic = var.manifest.triggers.topic
  uri       = google_cloudfunctions2_function.this.service_config[0].uri
}

resource "google_cloud_scheduler_job" "this" {
  count = local.schedule == null ? 0 : 1

  project     = var.project
  region      = var.region
  name        = local.name
  description = var.manifest.purpose
  schedule    = local.schedule
  time_zone   = local.timezone
  # Cloud Scheduler takes 15 s to 30 minutes.
  attempt_deadline = "${min(max(var.manifest.timeoutSeconds, 15), 1800)}s"

  retry_config {
    retry_count          = var.manifest.retries
    min_backoff_duration = "30s"
    max_backoff_duration = "300s"
    max_doublings        = 3
  }

  http_target {
    http_method = "POST"
    uri         = local.uri
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")

    oidc_token {
      service_account_email = var.scheduler_email
      audience              = local.uri
    }
  }

  lifecycle {
    ignore_changes = [paused] # `nightshift pause --jobs` decides
  }
}

resource "google_pubsub_topic" "this" {
  count = local.has_topic ? 1 : 0

  project = var.project
  name    = local.name
}

resource "google_pubsub_topic" "dead" {
  count = local.has_topic ? 1 : 0

  project = var.project
  name    = "${local.name}-dead"
}

resource "google_pubsub_subscription" "push" {
  count = local.has_topic ? 1 : 0

  project = var.project
  name    = local.name
  topic   = google_pubsub_topic.this[0].id
  # Pub/Sub waits ten minutes at most before it gives a message out again.
  ack_deadline_seconds       = min(max(var.manifest.timeoutSeconds, 10), 600)
  message_retention_duration = "3600s" # a scope that waited an hour has had newer ticks

  push_config {
    push_endpoint = local.uri
    oidc_token {
      service_account_email = var.push_email
      audience              = local.uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "300s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead[0].id
    max_delivery_attempts = 5
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [google_cloud_run_v2_service_iam_member.caller]
}

# Keeps what was given up on until a person has looked at it; `nightshift status` counts it.
resource "google_pubsub_subscription" "dead" {
  count = local.has_topic ? 1 : 0

  project                    = var.project
  name                       = "${local.name}-dead"
  topic                      = google_pubsub_topic.dead[0].id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  count = local.has_topic && var.manifest.fanOut ? 1 : 0

  project = var.project
  topic   = google_pubsub_topic.this[0].name
  role    = "roles/pubsub.publisher"
  member  = local.member
}

# Pub/Sub moves dead letters as its own account.
resource "google_pubsub_topic_iam_member" "dead" {
  count = local.has_topic ? 1 : 0

  project = var.project
  topic   = google_pubsub_topic.dead[0].name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${var.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_subscription_iam_member" "dead" {
  count = local.has_topic ? 1 : 0

  project      = var.project
  subscription = google_pubsub_subscription.push[0].name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:service-${var.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
