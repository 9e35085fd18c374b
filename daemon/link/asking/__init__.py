"""How control asks media: commands without a reply yet, and what is promised in advance."""
