# Who calls the functions: the scheduler and Pub/Sub, each as an account that can do nothing else.

locals {
  scheduler_email = "${google_service_account.scheduler.account_id}@${var.project}.iam.gserviceaccount.com"
  push_email      = "${google_service_account.push.account_id}@${var.project}.iam.gserviceaccount.com"
}

resource "google_service_account" "scheduler" {
  project      = var.project
  account_id   = "nightshift-scheduler"
  display_name = "Nightshift: calls the functions when they are due"
}

resource "google_service_account" "push" {
  project      = var.project
  account_id   = "nightshift-push"
  display_name = "Nightshift: hands scopes to the functions"
}
