# One duty at a time, with manifests that the repository does not have, against the provider's schema and a mocked cloud.

mock_provider "google" {
  override_during = plan

  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.com" } }
  }
}

variables {
  manifest = {
    name           = "watch"
    kind           = "duty"
    purpose        = "Looks at something for these tests"
    fanOut         = true
    public         = false
    timeoutSeconds = 3000
    memoryMiB      = 512
    concurrency    = 1
    maxInstances   = 3
    retries        = 2
    sha256         = "nothing" # what is taken for a bundle that tells nothing of its origin
    triggers       = { schedule = "*/5 * * * *", timezone = "UTC", topic = true, http = true }
  }
  choice   = {}
  project  = "shop-prod"
  region   = "europe-west3"
  number   = "123456789012"
  database = "nightshift"
  bundle = {
    zip           = "function.tf"
    made_from     = "none.json"
    bucket        = "shop-prod-nightshift"
    repository    = "projects/shop-prod/locations/europe-west3/repositories/nightshift"
    build_account = "projects/shop-prod/serviceAccounts/nightshift-build@shop-prod.iam.gserviceaccount.com"
  }
  policy = { secret = "nightshift-policy", version = "4", sha256 = "0123456789abcdef0123456789abcdef" }
  permissions = {
    roles = [
      { role = "roles/datastore.user", on = "store" },
      { role = "roles/bigquery.dataViewer", on = "dataset" },
      { role = "roles/storage.objectViewer", on = "bucket" },
      { role = "roles/artifactregistry.reader", on = "repository" },
    ]
    permissions = { shop-clusters = ["container.clusters.get"] }
    private     = true
  }
  granted_on  = { datasets = ["billing"], buckets = ["logs"], repositories = ["europe-west3/apps"] }
  environment = { NODE_COMPILE_CACHE = "/tmp/cache" }
  secrets = {
    SLACK_BOT_TOKEN = { secret = "slack-bot-token", version = "3" }
    KUBECONFIG      = { secret = "kubeconfig", version = "1" }
  }
  scheduler_email = "nightshift-scheduler@shop-prod.iam.gserviceaccount.com"
  push_email      = "nightshift-push@shop-prod.iam.gserviceaccount.com"
  invokers        = ["group:devops@example.com"]
  network         = { network = "shop", subnetwork = "functions", tags = ["nightshift"] }
}

run "a_duty_that_fans_out" {
  command = plan
  assert {
    condition = tomap({ for key, one in google_cloud_run_v2_service_iam_member.caller : key => one.member }) == tomap({
      scheduler                  = "serviceAccount:nightshift-scheduler@shop-prod.iam.gserviceaccount.com"
      push                       = "serviceAccount:nightshift-push@shop-prod.iam.gserviceaccount.com"
      "group:devops@example.com" = "group:devops@example.com"
    })
    error_message = "Only the scheduler, the push and the invokers may call it."
  }
  assert {
    condition     = google_cloud_scheduler_job.this[0].attempt_deadline == "1800s" && google_pubsub_subscription.push[0].ack_deadline_seconds == 600
    error_message = "Limits of the scheduler and of Pub/Sub cap the time-out."
  }
  assert {
    condition     = google_cloud_scheduler_job.this[0].retry_config[0].retry_count == 2
    error_message = "The retries are those of function.yaml."
  }
  assert {
    condition = alltrue([
      google_cloud_scheduler_job.this[0].http_target[0].oidc_token[0].audience == "https://function.example.com",
      google_pubsub_subscription.push[0].push_config[0].oidc_token[0].audience == "https://function.example.com",
    ])
    error_message = "The audience is the function's address."
  }
  assert {
    condition     = google_pubsub_topic.this[0].name == "nightshift-watch" && google_pubsub_topic.dead[0].name == "nightshift-watch-dead"
    error_message = "The topic is the one that the runtime publishes on."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.publisher[0].member == "serviceAccount:nightshift-watch@shop-prod.iam.gserviceaccount.com"
    error_message = "A duty that fans out publishes on its own topic."
  }
  assert {
    condition     = google_project_iam_member.store["roles/datastore.user"].condition[0].expression == "resource.name == \"projects/shop-prod/databases/nightshift\""
    error_message = "The store's role holds for its database alone."
  }
  assert {
    condition = alltrue([
      google_bigquery_dataset_iam_member.this["roles/bigquery.dataViewer billing"].dataset_id == "billing",
      google_storage_bucket_iam_member.this["roles/storage.objectViewer logs"].bucket == "logs",
      google_artifact_registry_repository_iam_member.this["roles/artifactregistry.reader europe-west3/apps"].location == "europe-west3",
    ])
    error_message = "Roles on datasets, buckets and repositories hold for the named ones."
  }
  assert {
    condition     = google_project_iam_custom_role.this["shop-clusters"].permissions == toset(["container.clusters.get"])
    error_message = "Single permissions make a custom role in the project of the cluster."
  }
  assert {
    condition     = length(google_project_iam_member.role) == 0
    error_message = "No role holds for the whole project."
  }
  assert {
    condition = google_cloudfunctions2_function.this.service_config[0].environment_variables == tomap({
      NODE_ENV           = "production"
      NIGHTSHIFT_POLICY  = "/etc/nightshift/policy/policy.yaml"
      NIGHTSHIFT_STORE   = "firestore:shop-prod/nightshift"
      PUBSUB_PROJECT     = "shop-prod"
      KUBECONFIG         = "/etc/nightshift/kubeconfig/config"
      NODE_COMPILE_CACHE = "/tmp/cache"
    })
    error_message = "The environment is complete."
  }
  assert {
    condition     = [for one in google_cloudfunctions2_function.this.service_config[0].secret_environment_variables : "${one.key}=${one.secret}/${one.version}"] == ["SLACK_BOT_TOKEN=slack-bot-token/3"]
    error_message = "A secret is a reference to its version."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].direct_vpc_network_interface[0].subnetwork == "functions"
    error_message = "What reaches private addresses has a way into the network."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].max_instance_count == 3 && google_cloudfunctions2_function.this.service_config[0].min_instance_count == 0
    error_message = "Instances are limited, and none waits for money."
  }
  assert {
    condition     = google_storage_bucket_object.bundle.name == "bundles/watch/missing.zip" # what a bundle that tells nothing is called
    error_message = "The bundle is named by its content."
  }
}

run "what_needs_no_network_gets_none" {
  command = plan
  variables {
    permissions = { roles = [], permissions = {}, private = false }
  }
  assert {
    condition     = length(google_cloudfunctions2_function.this.service_config[0].direct_vpc_network_interface) == 0
    error_message = "It has no way into the network."
  }
  assert {
    condition     = length(google_project_iam_member.custom) + length(google_project_iam_member.store) + length(google_project_iam_custom_role.this) == 0
    error_message = "It has no role."
  }
}

run "an_earlier_bundle" {
  command = plan
  variables {
    choice = { bundle = 1764190000000000 }
  }
  assert {
    condition = alltrue([
      google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == "history/watch.zip",
      google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].generation == 1764190000000000,
    ])
    error_message = "A rollback takes the version that was chosen."
  }
}

run "a_public_driver" {
  command = plan
  variables {
    manifest = {
      name           = "ingress"
      kind           = "driver"
      purpose        = "Takes what others send, for these tests"
      fanOut         = false
      public         = true
      timeoutSeconds = 10
      memoryMiB      = 512
      concurrency    = 20
      maxInstances   = 2
      retries        = 0
      sha256         = "nothing"
      triggers       = { timezone = "UTC", topic = false, http = true }
    }
    invokers = []
  }
  assert {
    condition     = tomap({ for key, one in google_cloud_run_v2_service_iam_member.caller : key => one.member }) == tomap({ everybody = "allUsers" })
    error_message = "Everybody may call it, and it needs nobody else's binding."
  }
  assert {
    condition     = length(google_cloud_scheduler_job.this) + length(google_pubsub_topic.this) == 0
    error_message = "It has neither a schedule nor a topic."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].available_cpu == "1"
    error_message = "Several requests at a time need a whole processor."
  }
}

run "refuses_a_public_duty" {
  command = plan
  variables {
    manifest = {
      name           = "watch"
      kind           = "duty"
      purpose        = "Looks at something for these tests"
      fanOut         = false
      public         = true
      timeoutSeconds = 60
      memoryMiB      = 512
      concurrency    = 1
      maxInstances   = 1
      retries        = 0
      sha256         = "nothing"
      triggers       = { timezone = "UTC", topic = false, http = true }
    }
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "refuses_a_wrong_cron_expression" {
  command = plan
  variables {
    choice = { schedule = "61 * * * *" }
  }
  expect_failures = [var.choice]
}

run "refuses_six_fields" {
  command = plan
  variables {
    choice = { schedule = "0 */5 * * * *" }
  }
  expect_failures = [var.choice]
}

run "refuses_a_time_zone_that_is_none" {
  command = plan
  variables {
    choice = { timezone = "Mars/Olympus" }
  }
  expect_failures = [var.choice]
}

run "refuses_a_missing_bundle" {
  command = plan
  variables {
    bundle = {
      zip           = "none.zip"
      made_from     = "none.json"
      bucket        = "shop-prod-nightshift"
      repository    = "projects/shop-prod/locations/europe-west3/repositories/nightshift"
      build_account = "projects/shop-prod/serviceAccounts/nightshift-build@shop-prod.iam.gserviceaccount.com"
    }
  }
  expect_failures = [google_storage_bucket_object.bundle]
}

run "takes_what_it_needs_from_secrets_and_variables" {
  command = plan
  variables {
    permissions = {
      roles       = []
      permissions = {}
      private     = false
      needed      = [{ name = "SLACK_BOT_TOKEN", part = "chat.slack" }, { name = "NODE_COMPILE_CACHE", part = "a test" }]
    }
  }
}

run "refuses_a_policy_that_asks_for_what_it_is_not_given" {
  command = plan
  variables {
    permissions = {
      roles       = []
      permissions = {}
      private     = false
      needed      = [{ name = "JIRA_API_TOKEN", part = "tracker.jira" }]
    }
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "refuses_a_duty_that_the_policy_gives_no_work" {
  command = plan
  variables {
    permissions = null
  }
  expect_failures = [google_cloudfunctions2_function.this]
}
