"""PostgreSQL as the site's database: how it is named, connected to, and told apart when away."""
