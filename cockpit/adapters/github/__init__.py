"""GitHub and GitHub Enterprise over their REST API, and GraphQL for what REST does not have."""
