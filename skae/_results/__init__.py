"""What a user makes of a detector's answers: through pipelines, and as tables of events."""
