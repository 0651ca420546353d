# The whole deployment against the provider's schema and a mocked cloud. `npm run test:real` runs it; by hand:
# npm run build && npx nightshift rbac --policy terraform/tests/fixtures/policy.yaml --project shop-prod

mock_provider "google" {
  override_during = plan

  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_cloud_run_locations" {
    defaults = { locations = ["europe-west1", "europe-west3", "us-central1"] }
  }
  mock_data "google_secret_manager_secrets" {
    defaults = { secrets = [{ secret_id = "slack-bot-token" }, { secret_id = "jira-api-token" }, { secret_id = "bitbucket-access-token" }] }
  }
  mock_data "google_secret_manager_secret_version" {
    defaults = { version = "7" }
  }
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.com" } }
  }
}

variables {
  project     = "shop-prod"
  region      = "europe-west3"
  policy_file = "tests/fixtures/policy.yaml"
  duties      = { rebalance = {}, settle = {} }
  secrets = {
    SLACK_BOT_TOKEN        = { secret = "slack-bot-token" }
    JIRA_API_TOKEN         = { secret = "jira-api-token" }
    BITBUCKET_ACCESS_TOKEN = { secret = "bitbucket-access-token" }
  }
  environment = { JIRA_EMAIL = "nightshift@example.com" }
}

run "each_duty_by_its_manifest" {
  command = plan
  assert {
    condition     = output.functions.rebalance.schedule == "*/15 * * * * UTC" && output.functions.settle.schedule == "* * * * * UTC"
    error_message = "The schedules are those of function.yaml."
  }
  assert {
    condition     = output.functions.rebalance.service_account == "nightshift-rebalance@shop-prod.iam.gserviceaccount.com"
    error_message = "Each duty has an account of its own."
  }
  assert {
    condition     = length(google_firestore_index.store) == 2 * length([for fields in flatten([for one in values(local.collections) : [for index in one.indexes : join(".", index)]]) : fields if strcontains(fields, ".")])
    error_message = "Every index of two or more fields is there in both directions."
  }
  assert {
    condition     = length(google_firestore_field.expiry) == length(local.collections)
    error_message = "Every collection forgets what is expired."
  }
  assert {
    condition     = google_firestore_database.store.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "The store is protected in Google Cloud as well."
  }
  assert {
    condition     = google_secret_manager_secret_version.policy.secret_data_wo == null && google_secret_manager_secret_version.policy.secret_data == null
    error_message = "The policy's text is not kept in the state."
  }
  assert {
    condition     = toset(output.slack_scopes) == toset(flatten([for one in values(local.permissions.duties) : one.slack])) && contains(output.slack_scopes, "chat:write")
    error_message = "The Slack app's scopes are those of the table."
  }
}

run "other_times_for_one_duty" {
  command = plan
  variables {
    duties = { rebalance = { schedule = "0 6-20/2 * * MON-FRI", timezone = "Europe/Berlin" }, settle = {} }
  }
  assert {
    condition     = output.functions.rebalance.schedule == "0 6-20/2 * * MON-FRI Europe/Berlin"
    error_message = "A deployment may choose its own times."
  }
}

run "no_duty_no_function" {
  command = plan
  variables {
    duties  = {}
    secrets = {}
  }
  assert {
    condition     = length(output.functions) == 0
    error_message = "What is not enabled is not made."
  }
}

run "warns_without_settle" {
  command = plan
  variables {
    duties = { rebalance = {} }
  }
  expect_failures = [check.settle]
}

run "refuses_an_unknown_duty" {
  command = plan
  variables {
    duties = { rebalanse = {}, settle = {} }
  }
  expect_failures = [var.duties]
}

run "refuses_a_region_that_is_none" {
  command = plan
  variables {
    region = "europe-west99"
  }
  expect_failures = [var.region]
}

run "refuses_a_project_that_is_none" {
  command = plan
  variables {
    project = "Shop"
  }
  expect_failures = [var.project]
}

run "refuses_a_policy_that_is_missing" {
  command = plan
  variables {
    policy_file = "tests/fixtures/none.yaml"
  }
  expect_failures = [var.policy_file]
}

run "refuses_a_policy_that_was_not_checked" {
  command = plan
  variables {
    policy_file = "tests/fixtures/other-policy.yaml"
  }
  expect_failures = [var.policy_file]
}

run "refuses_a_policy_that_is_not_yaml" {
  command = plan
  variables {
    policy_file = "tests/fixtures/broken-policy.yaml"
  }
  expect_failures = [var.policy_file]
}

run "refuses_permissions_that_are_missing" {
  command = plan
  variables {
    permissions_file = "tests/fixtures/none.json"
    secrets          = {}
    duties           = {}
  }
  expect_failures = [var.permissions_file]
}

run "refuses_permissions_of_another_project" {
  command = plan
  variables {
    project = "other-project"
  }
  expect_failures = [var.permissions_file]
}

run "refuses_a_secret_that_does_not_exist" {
  command = plan
  variables {
    secrets = { SLACK_BOT_TOKEN = { secret = "slack-token" } }
  }
  expect_failures = [var.secrets]
}

run "refuses_a_setting_that_nobody_reads" {
  command = plan
  variables {
    secrets = { SLACK_TOKEN = { secret = "slack-bot-token" } }
  }
  expect_failures = [var.secrets]
}

run "refuses_a_setting_that_is_given_twice" {
  command = plan
  variables {
    environment = { SLACK_BOT_TOKEN = "in the open" }
  }
  expect_failures = [var.environment]
}

run "refuses_everybody_as_an_invoker" {
  command = plan
  variables {
    invokers = ["allUsers"]
  }
  expect_failures = [var.invokers]
}

run "refuses_a_database_that_others_use" {
  command = plan
  variables {
    database = "(default)"
  }
  expect_failures = [var.database]
}
