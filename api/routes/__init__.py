"""The resources of the API, a file each; `api.app` puts them together."""
