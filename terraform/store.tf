# The store: a Firestore database of its own, with the indexes and expiries that the store's data file names.

locals {
  collections = jsondecode(file("${path.module}/../shared/core/collections.json"))

  # A query over an index runs in either direction of its last field; single fields are indexed by Firestore itself.
  indexes = merge([
    for collection, declared in local.collections : merge([
      for fields in declared.indexes : {
        for direction in ["ASCENDING", "DESCENDING"] :
        "${collection}: ${join(", ", fields)} ${lower(direction)}" => {
          collection = collection
          fields     = fields
          direction  = direction
        }
      } if length(fields) > 1
    ]...)
  ]...)
}

resource "google_firestore_database" "store" {
  project                 = var.project
  name                    = var.database
  location_id             = coalesce(var.database_location, var.region)
  type                    = "FIRESTORE_NATIVE"
  delete_protection_state = "DELETE_PROTECTION_ENABLED"

  lifecycle {
    # The journal of every change is in it. terraform/README.md says how to take it away on purpose.
    prevent_destroy = true
  }

  depends_on = [google_project_service.needed]
}

resource "google_firestore_index" "store" {
  for_each = local.indexes

  project    = var.project
  database   = google_firestore_database.store.name
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value
      order      = fields.key == length(each.value.fields) - 1 ? each.value.direction : "ASCENDING"
    }
  }
}

resource "google_firestore_field" "expiry" {
  for_each = local.collections

  project    = var.project
  database   = google_firestore_database.store.name
  collection = each.key
  field      = "expiresAt"

  ttl_config {}
}

# Nothing asks for these, and an index over them costs storage and time with every write.
resource "google_firestore_field" "unindexed" {
  for_each = { for pair in setproduct(keys(local.collections), ["commit", "data"]) : join(".", pair) => pair }

  project    = var.project
  database   = google_firestore_database.store.name
  collection = each.value[0]
  field      = each.value[1]

  index_config {}
}
