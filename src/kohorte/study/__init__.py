"""The machinery of a study: configuration, plan, resources, manifest, archive."""
