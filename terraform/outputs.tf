# What a person and the command line need to know of what was made.

output "functions" {
  description = "Each function with its address, identity and schedule."
  value = {
    for name, duty in module.duty : name => {
      url             = duty.url
      service_account = duty.service_account
      schedule        = duty.schedule
    }
  }
}

output "bundles" {
  description = "Where earlier bundles lie, for a rollback."
  value       = "gs://${google_storage_bucket.bundles.name}/history/"
}

output "slack_scopes" {
  description = "What the Slack app's bot token needs, over all enabled duties."
  value       = sort(distinct(flatten([for name in keys(var.duties) : try(local.permissions.duties[name].slack, [])])))
}

output "jira_permissions" {
  description = "What the Jira account needs in the project, over all enabled duties."
  value       = sort(distinct(flatten([for name in keys(var.duties) : try(local.permissions.duties[name].jira, [])])))
}

output "bitbucket_scopes" {
  description = "What the Bitbucket access token needs, over all enabled duties."
  value       = sort(distinct(flatten([for name in keys(var.duties) : try(local.permissions.duties[name].bitbucket, [])])))
}
