# What the root module tells of the duty.

output "url" {
  value = google_cloudfunctions2_function.this.service_config[0].uri
}

output "service_account" {
  value = local.email
}

output "schedule" {
  value = local.schedule == null ? null : "${local.schedule} ${local.timezone}"
}

output "topic" {
  value = local.has_topic ? google_pubsub_topic.this[0].name : null
}
