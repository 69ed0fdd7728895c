"""What a burst does to a subscription, what it costs, and what to change first: on paper, without AWS."""
