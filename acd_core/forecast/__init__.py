"""What a hotline needs: Erlang formulas and the search for how many agents to schedule."""
