# Which Terraform and which provider this is written for.
terraform {
  required_version = ">= 1.11.0, < 2.0.0" # write-only arguments: the policy's text is not kept in the state

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.21.0, < 8.0.0" # 7.21.0 brought Direct VPC egress to functions
    }
  }
}

provider "google" {
  project = var.project

  default_labels = {
    app = "nightshift"
  }
}
