# The duty's bundle: what `npm run build` made, named by its content, so that unchanged code is no change.

locals {
  has_bundle = fileexists(var.bundle.zip)
  made       = try(jsondecode(file(var.bundle.made_from)), {})
  sha256     = try(local.made.contentSha256, "missing") # not of the zip: compiled code in it differs from build to build
  made_from  = try(local.made.manifestSha256, "nothing")

  process_variables = try(local.made.variables, {})
}

resource "google_storage_bucket_object" "bundle" {
  bucket       = var.bundle.bucket
  name         = "bundles/${var.manifest.name}/${local.sha256}.zip"
  source       = var.bundle.zip
  content_type = "application/zip"

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [source, detect_md5hash] # the name says what is in it

    precondition {
      condition     = local.has_bundle
      error_message = "There is no bundle ${var.bundle.zip}. Build it: npm ci && npm run build -- ${var.manifest.name}"
    }
    precondition {
      # The build checks function.yaml against its schema: what it has not seen is not deployed.
      condition     = !local.has_bundle || local.made_from == var.manifest.sha256
      error_message = "functions/${var.manifest.name}/function.yaml was changed since its bundle was built. Build it anew, and see what it says: npm run build -- ${var.manifest.name}"
    }
  }
}

# The same once more under a name that stays: the bucket keeps its last three versions for a rollback.
resource "google_storage_bucket_object" "history" {
  bucket       = var.bundle.bucket
  name         = "history/${var.manifest.name}.zip"
  source       = var.bundle.zip
  content_type = "application/zip"
  metadata     = { sha256 = local.sha256 }

  lifecycle {
    ignore_changes       = [source, detect_md5hash]
    replace_triggered_by = [google_storage_bucket_object.bundle.name]
  }
}
